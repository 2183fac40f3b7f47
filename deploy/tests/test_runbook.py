"""README.md names everything that an operator can set, keep and run."""

import re
import unittest

from deployment import DEPLOY, composed

import settings

PAGE = (DEPLOY / "README.md").read_text()


class Runbook(unittest.TestCase):
    def test_every_setting_is_explained(self):
        for name in settings.read(DEPLOY / "env" / ".env.example"):
            self.assertIn(f"`{name}`", PAGE)

    def test_no_setting_is_explained_that_is_not_there(self):
        known = settings.read(DEPLOY / "env" / ".env.example")
        table = [line for line in PAGE.splitlines() if line.startswith(("| `SEALPOST", "| `COMPOSE"))]
        named = {name for line in table for name in re.findall(r"`([A-Z][A-Z_]+)`", line.split("|")[1])}
        self.assertEqual(named, set(known))

    def test_every_script_is_in_the_table(self):
        for script in DEPLOY.glob("*.sh"):
            if script.name != "lib.sh":
                self.assertIn(f"| `{script.name}` |", PAGE)

    def test_every_secret_and_network_is_named(self):
        for files in settings.SHAPES.values():
            model = composed(*files, settings.BACKUP)
            for name in model["secrets"]:
                stem = re.sub(r"_(certificate|key)$", "_*.pem", name) if name.startswith(("postgres_", "openbao_")) else name
                self.assertTrue(f"`{name}" in PAGE or f"`{stem}`" in PAGE, name)
            for name in model["networks"]:
                self.assertIn(f"| `{name}` |", PAGE)


if __name__ == "__main__":
    unittest.main()
