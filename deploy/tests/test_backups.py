"""What is said of the age of backups, and what the scripts refuse before they begin."""

import json
import unittest
from datetime import datetime, timedelta, timezone

from deployment import RECIPIENT, Deployment

import backup_status
import render
import settings

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=timezone.utc)


def status(made=None, verified=None):
    """A status as the backup job writes it, with ages in minutes."""
    stamp = lambda minutes: (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    return {
        "last_backup": None if made is None else {"id": "b", "created_at": stamp(made), "bytes": 7, "seconds": 1},
        "last_verified": None if verified is None else {"id": "a", "verified_at": stamp(verified)},
    }


class Ages(unittest.TestCase):
    def faults(self, *ages):
        return backup_status.faults(status(*ages), "1h", 31, NOW)

    def test_a_young_backup_and_a_young_verification_are_no_fault(self):
        self.assertEqual(self.faults(59, 30 * 1440), [])

    def test_each_fault_is_told(self):
        self.assertEqual(self.faults(), ["no backup was ever made"])
        self.assertIn("1 h 1 min old", self.faults(61, 1)[0])
        self.assertIn("no backup was ever verified", self.faults(1)[0])
        self.assertIn("32 days", self.faults(1, 32 * 1440)[0])
        self.assertEqual(len(self.faults(61, 32 * 1440)), 2)

    def test_people_are_told_how_old_everything_is(self):
        self.assertIn("verified: none, ever", backup_status.described(status(5), NOW))
        self.assertIn("0 h 5 min old", backup_status.described(status(5, 1), NOW))


class Scripts(unittest.TestCase):
    def setUp(self):
        self.deployment = Deployment()
        self.addCleanup(self.deployment.remove)

    def made(self, *more):
        done = self.deployment.bootstrap("--set", f"SEALPOST_BACKUP_RECIPIENTS={RECIPIENT}", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.deployment

    def test_a_deployment_with_recipients_has_the_job_and_a_marked_place(self):
        folder = self.made().folder
        self.assertIn("COMPOSE_FILE=compose.yml:compose.backup.yml", self.deployment.env_file.read_text())
        self.assertTrue((folder / "backup" / "backups.lock").exists())
        page = (folder / "config" / "backup" / "sealpost.toml").read_text()
        self.assertIn(RECIPIENT, page)
        self.assertRegex(page, 'seal_key_sha256 = "[0-9a-f]{64}"')
        self.assertIn("[backup]\nfolder", (folder / "config" / "relay" / "sealpost.toml").read_text())

    def test_a_deployment_without_recipients_has_neither(self):
        self.deployment.bootstrap()
        self.assertIn("COMPOSE_FILE=compose.yml\n", self.deployment.env_file.read_text())
        self.assertFalse((self.deployment.folder / "backup").exists())
        self.assertFalse((self.deployment.folder / "config" / "backup").exists())
        self.assertEqual(self.deployment.run("backup.sh").returncode, 3)
        self.assertIn("there is no way back", self.deployment.run("upgrade.sh", "--build").stderr)

    def test_what_was_kept_offline_is_taken_and_everything_else_is_new(self):
        offline = self.deployment.folder / "offline"
        offline.mkdir()
        (offline / "openbao_operator_password").write_text("p" * 48)
        done = self.deployment.bootstrap("--offline", str(offline))
        self.assertIn("holds no openbao_seal_key", done.stderr)
        (offline / "openbao_seal_key").write_bytes(bytes(range(32)))
        self.assertEqual(self.deployment.bootstrap("--offline", str(offline)).returncode, 0)
        secrets = self.deployment.folder / "secrets"
        self.assertEqual((secrets / "openbao_seal_key").read_bytes(), bytes(range(32)))
        self.assertEqual((secrets / "openbao_operator_password").read_text(), "p" * 48)

    def test_a_place_with_backups_stays_as_it_is(self):
        place = self.deployment.folder / "backup"
        place.mkdir()
        (place / "backups.lock").write_text("")
        (place / "20261121T200000Z-01020304").mkdir()
        self.made()
        self.assertTrue((place / "20261121T200000Z-01020304").is_dir())

    def test_settings_that_make_no_sense_are_refused(self):
        example = settings.read(settings.DEPLOY / "env" / ".env.example")
        for name, value in [("RECIPIENTS", "age1short"), ("RECIPIENTS", "ssh-ed25519"), ("RPO", "1 hour"), ("RPO", "0m"), ("KEEP_DAILY", "-1")]:
            with self.assertRaises(settings.SettingsError):
                render.pages(example | {f"SEALPOST_BACKUP_{name}": value})

    def test_the_status_is_shown_to_people_and_to_machines(self):
        self.made()
        self.assertIn("no backup was ever made", self.deployment.run("backup.sh", "--status").stderr)
        file = self.deployment.folder / "state" / "backup-status" / "status.json"
        file.write_text(json.dumps(status(5, 1)))
        self.assertIn("newest: b", self.deployment.run("backup.sh", "--status").stdout)
        self.assertEqual(json.loads(self.deployment.run("backup.sh", "--status", "--json").stdout)["last_backup"]["id"], "b")

    def test_wrong_command_lines_are_told(self):
        self.made()
        self.assertEqual(self.deployment.run("backup.sh", "--nonsense").returncode, 2)
        self.assertEqual(self.deployment.run("restore.sh").returncode, 2)
        self.assertEqual(self.deployment.run("upgrade.sh").returncode, 2)
        self.assertEqual(self.deployment.run("upgrade.sh", "--relay", "one").returncode, 2)
        self.assertEqual(self.deployment.run("upgrade.sh", "--rollback", "--dry-run").returncode, 2)
        self.assertEqual(self.deployment.run("upgrade.sh", "--rollback", "--build").returncode, 2)
        self.assertEqual(self.deployment.run("upgrade.sh", "--build", "--identity", "file").returncode, 2)
        self.assertEqual(self.deployment.run("restore.sh", "--identity", "/nonexistent").returncode, 3)


if __name__ == "__main__":
    unittest.main()
