"""What bootstrap.sh makes, and that it takes nothing away."""

import os
import stat
import subprocess
import unittest

from deployment import Deployment

SECRETS = {
    "backup_database_url": "BACKUP",
    "backup_secret_id": "BACKUP",
    "openbao_backup_secret_id": "OPENBAO",
    "openbao_certificate.pem": "OPENBAO",
    "openbao_key.pem": "OPENBAO",
    "openbao_operator_password": "OPENBAO",
    "openbao_relay_secret_id": "OPENBAO",
    "openbao_seal_key": "OPENBAO",
    "postgres_backup_password": "POSTGRES",
    "postgres_certificate.pem": "POSTGRES",
    "postgres_key.pem": "POSTGRES",
    "postgres_relay_password": "POSTGRES",
    "postgres_superuser_password": "POSTGRES",
    "relay_database_url": "RELAY",
    "relay_secret_id": "RELAY",
}
UIDS = {"BACKUP": 10006, "RELAY": 10001, "OPENBAO": 10002, "POSTGRES": 999}


class Bootstrap(unittest.TestCase):
    def setUp(self):
        self.deployment = Deployment()
        self.addCleanup(self.deployment.remove)
        self.secrets = self.deployment.folder / "secrets"

    def test_each_secret_is_for_one_service_alone(self):
        done = self.deployment.bootstrap()
        self.assertEqual(done.returncode, 0, done.stderr)
        for name, service in SECRETS.items():
            found = (self.secrets / name).stat()
            self.assertEqual(stat.S_IMODE(found.st_mode), 0o400, name)
            self.assertEqual(found.st_uid, UIDS[service] if os.getuid() == 0 else os.getuid(), name)
        self.assertEqual({path.name for path in self.secrets.iterdir()} - set(SECRETS), {"internal_ca.pem", "internal_ca_key.pem"})
        self.assertEqual(stat.S_IMODE(self.secrets.stat().st_mode), 0o700)

    def test_secrets_are_of_their_length_and_without_a_newline(self):
        self.deployment.bootstrap()
        self.assertEqual(len((self.secrets / "openbao_seal_key").read_bytes()), 32)
        self.assertEqual(len((self.secrets / "relay_secret_id").read_bytes()), 48)
        self.assertEqual((self.secrets / "relay_secret_id").read_bytes(), (self.secrets / "openbao_relay_secret_id").read_bytes())

    def test_certificates_are_no_authorities_and_the_authority_signed_them(self):
        self.deployment.bootstrap()
        for name in ("postgres", "openbao"):
            certificate = str(self.secrets / f"{name}_certificate.pem")
            authority = str(self.secrets / "internal_ca.pem")
            verify = ["openssl", "verify", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile", authority, certificate]
            self.assertEqual(subprocess.run(verify, capture_output=True).returncode, 0)
            text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-text"], capture_output=True, text=True).stdout
            self.assertIn("CA:FALSE", text)

    def test_folders_within_each_other_are_refused_before_anything_is_made(self):
        within = f"SEALPOST_SECRETS_DIR={self.deployment.folder / 'config' / 'secrets'}"
        done = self.deployment.bootstrap("--set", within)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a folder of its own", done.stderr)
        self.assertEqual(list(self.deployment.folder.iterdir()), [])

    def test_a_folder_with_things_of_others_is_refused_before_anything_is_made(self):
        config = self.deployment.folder / "config"
        config.mkdir()
        (config / "seal_key").write_text("of somebody")
        done = self.deployment.bootstrap()
        self.assertEqual(done.returncode, 1)
        self.assertIn("seal_key", done.stderr)
        self.assertEqual([path.name for path in self.deployment.folder.iterdir()], ["config"])

    def test_second_run_refuses_and_changes_nothing(self):
        self.deployment.bootstrap()
        before = (self.secrets / "openbao_seal_key").read_bytes()
        again = self.deployment.bootstrap()
        self.assertEqual(again.returncode, 4)
        self.assertIn("made already", again.stderr)
        self.deployment.env_file.unlink()
        self.assertEqual(self.deployment.bootstrap().returncode, 4)
        self.assertEqual((self.secrets / "openbao_seal_key").read_bytes(), before)

    def test_data_without_its_secrets_is_left_alone(self):
        data = self.deployment.folder / "state" / "postgres"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("18\n")
        done = self.deployment.bootstrap()
        self.assertEqual(done.returncode, 4)
        self.assertIn("could not open", done.stderr)

    def test_dry_run_leaves_nothing(self):
        done = self.deployment.bootstrap("--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(self.deployment.folder.iterdir()), [])

    def test_renewed_certificates_replace_the_old_ones_and_no_other_secret(self):
        self.deployment.bootstrap()
        before = {name: (self.secrets / name).read_bytes() for name in SECRETS}
        self.assertEqual(self.deployment.run("bootstrap.sh", "--renew-certificates").returncode, 0)
        changed = {name for name in SECRETS if (self.secrets / name).read_bytes() != before[name]}
        self.assertEqual(changed, {f"{name}_{part}.pem" for name in ("postgres", "openbao") for part in ("certificate", "key")})

    def test_what_cannot_be_a_setting_is_a_wrong_command_line(self):
        self.assertEqual(self.deployment.bootstrap("--set", "SEALPOST_NO_SUCH=1").returncode, 2)
        self.assertEqual(self.deployment.bootstrap("--shape", "cloud").returncode, 2)
        self.assertEqual(self.deployment.bootstrap("--set", "SEALPOST_RELAY_HOST=a b").returncode, 2)
        self.assertEqual(self.deployment.bootstrap("--shape", "tls").returncode, 2)
        self.assertEqual(self.deployment.bootstrap("--set", "SEALPOST_RELAY_HOST=nonsense_").returncode, 1)
        self.assertEqual(list(self.deployment.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
