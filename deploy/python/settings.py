"""The settings of a deployment: deploy/.env, over the defaults of env/.env.example."""

import re
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent
LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")
SHAPES = {
    "local": ["compose.yml"],
    "tls": ["compose.yml", "compose.prod.yml"],
    "tunnel": ["compose.yml", "compose.tunnel.yml"],
}

# The backup job, beside any of them.
BACKUP = "compose.backup.yml"


class SettingsError(Exception):
    """What the operator has to put right, in a sentence."""


def read(path):
    """The variables of an env file. Quotes and `$` are refused, because compose would read them in its own way."""
    found = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if not match or re.search(r"[\"'$]|\s", match[2]):
            raise SettingsError(f"{path}, line {number}: expected NAME=value without quotes, spaces and $")
        found[match[1]] = match[2]
    return found


def load(env_file):
    """Settings of `env_file` with every other one at its default; an unknown name is an error."""
    defaults = read(DEPLOY / "env" / ".env.example")
    given = read(env_file)
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise SettingsError(f"{env_file}: unknown variables {', '.join(unknown)}; env/.env.example lists all")
    settings = defaults | given
    if settings["SEALPOST_SHAPE"] not in SHAPES:
        raise SettingsError("SEALPOST_SHAPE is local, tls or tunnel")
    apart(settings)
    return settings


def apart(settings):
    """Secrets, configuration and data have different readers, and one of them is rendered anew."""
    places = {name: folder(settings, name) for name in ("SECRETS", "CONFIG", "STATE", "BACKUP")}
    for name, place in places.items():
        for other, around in places.items():
            if name != other and place.is_relative_to(around):
                raise SettingsError(f"SEALPOST_{name}_DIR lies in SEALPOST_{other}_DIR: give each a folder of its own")


def compose_files(settings):
    """What a shape is composed of, in this order."""
    challenge = settings["SEALPOST_ACME_CHALLENGE"]
    by_dns = settings["SEALPOST_SHAPE"] == "tls" and challenge.startswith("cloudflare-")
    backups = [BACKUP] * bool(settings["SEALPOST_BACKUP_RECIPIENTS"])
    return SHAPES[settings["SEALPOST_SHAPE"]] + [f"compose.{challenge}.yml"] * by_dns + backups


def folder(settings, name):
    """A folder of the settings; a relative one counts from deploy/, as compose takes it."""
    return (DEPLOY / settings[f"SEALPOST_{name}_DIR"]).resolve()
