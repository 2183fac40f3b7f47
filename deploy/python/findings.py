"""What is wrong, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """A fault, by a name that stays, what was seen, and how to put it right."""

    name: str
    what: str
    fix: str

    def __str__(self):
        return f"{self.name}: {self.what}\n    fix: {self.fix}"
