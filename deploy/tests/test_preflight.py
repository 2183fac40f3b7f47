"""preflight-prod.sh on deployments that are broken in one way each, and on good ones."""

import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from deployment import Deployment, composed

import preflight as rules
import settings

ROOT = os.getuid() == 0


def rewrite(path, text):
    return lambda one: (one.folder / path).write_text(text)


def edit(path, old, new):
    return lambda one: one.replace(path, old, new)


def setting(name, value):
    return lambda one: one.set(name, value)


def override(text):
    return lambda one: (one.folder / "extra.yml").write_text(text)


TRAEFIK, RELAY = "config/traefik/traefik.toml", "config/relay/sealpost.toml"
ROUTES, BAO = "config/traefik/dynamic/tls.toml", "config/openbao/openbao.hcl"

# The fault that must be named, and how a good deployment of the tls shape gets it.
BROKEN = [
    ("local-shape", setting("SEALPOST_SHAPE", "local")),
    ("acme-email", setting("SEALPOST_ACME_EMAIL", "")),
    ("acme-staging", setting("SEALPOST_ACME_SERVER", "https://acme-staging-v02.api.letsencrypt.org/directory")),
    ("placeholder-host", setting("SEALPOST_RELAY_HOST", "relay.example.org")),
    ("wildcard-origin", setting("SEALPOST_ALLOWED_ORIGINS", "https://*.alice-and-bob.net")),
    ("origin-form", setting("SEALPOST_ALLOWED_ORIGINS", "http://app.alice-and-bob.net")),
    ("image-not-pinned", setting("SEALPOST_TRAEFIK_IMAGE", "traefik:v3.7.15")),
    ("image-without-version", setting("SEALPOST_RELAY_IMAGE", "sealpost-relay:latest")),
    ("kept-in-clone", setting("SEALPOST_SECRETS_DIR", "./secrets")),
    ("kept-in-clone", setting("SEALPOST_BACKUP_DIR", "./backups")),
    ("no-backups", setting("SEALPOST_BACKUP_RECIPIENTS", "")),
    ("backup-place", lambda one: (one.folder / "backup/backups.lock").unlink()),
    ("secret-id-mismatch", rewrite("secrets/backup_secret_id", "0123456789abcdef" * 3)),
    ("database-password", rewrite("secrets/postgres_backup_password", "0123456789abcdef" * 3)),
    ("shared-user", setting("SEALPOST_RELAY_UID", "10002")),
    ("runs-as-root", setting("SEALPOST_OPENBAO_UID", "0")),
    ("published-port", setting("SEALPOST_OPS_ADDRESS", "0.0.0.0")),
    ("published-port", override("services: { postgres: { ports: ['5432:5432'] } }\n")),
    ("network-not-internal", override("networks: { internal: { internal: false } }\n")),
    ("stray-network", override("services: { openbao: { networks: [edge] } }\n")),
    ("privileged", override("services: { relay: { privileged: true } }\n")),
    ("docker-socket", override("services: { traefik: { volumes: ['/var/run/docker.sock:/var/run/docker.sock'] } }\n")),
    ("development-server", override("services: { openbao: { entrypoint: [bao, server, -dev] } }\n")),
    ("openbao-token", override("services: { relay: { environment: { BAO_TOKEN: s.abc } } }\n")),
    ("secret-in-variable", override("services: { postgres: { environment: { POSTGRES_PASSWORD: hunter2 } } }\n")),
    ("secret-missing", lambda one: (one.folder / "secrets/relay_secret_id").unlink()),
    ("secret-empty", rewrite("secrets/openbao_operator_password", "")),
    ("default-secret", rewrite("secrets/postgres_superuser_password", "change-me")),
    ("weak-secret", rewrite("secrets/openbao_operator_password", "correcthorse")),
    ("secret-newline", rewrite("secrets/openbao_operator_password", "0123456789abcdef" * 3 + "\n")),
    ("openbao-token", rewrite("secrets/relay_secret_id", "s." + "A1b2" * 9)),
    ("compose-files", setting("COMPOSE_FILE", "compose.yml")),
    ("compose-files", setting("SEALPOST_ACME_CHALLENGE", "cloudflare-token")),
    ("certificate-key", lambda one: shutil.copy2(one.folder / "secrets/postgres_key.pem", one.folder / "secrets/openbao_key.pem")),
    ("secret-id-mismatch", rewrite("secrets/relay_secret_id", "0123456789abcdef" * 3)),
    ("secret-reused", lambda one: shutil.copy2(one.folder / "secrets/openbao_operator_password", one.folder / "secrets/openbao_backup_secret_id")),
    ("secret-mode", lambda one: (one.folder / "secrets/openbao_seal_key").chmod(0o444)),
    ("secrets-folder-open", lambda one: (one.folder / "secrets").chmod(0o755)),
    ("seal-key-length", rewrite("secrets/openbao_seal_key", "a" * 33)),
    ("database-password", rewrite("secrets/postgres_relay_password", "0123456789abcdef" * 3)),
    ("database-superuser", edit("secrets/relay_database_url", "postgres://sealpost:", "postgres://postgres:")),
    ("database-tls", edit("secrets/relay_database_url", "verify-full", "require")),
    ("certificate-ends", rewrite("secrets/openbao_certificate.pem", "-----BEGIN CERTIFICATE-----\n")),
    ("not-rendered", lambda one: shutil.rmtree(one.folder / "config")),
    ("stale-configuration", setting("SEALPOST_RELAY_REPLICAS", "3")),
    ("configuration-mode", lambda one: (one.folder / RELAY).chmod(0o666)),
    ("broken-reference", edit(ROUTES, 'service = "relay"', 'service = "relai"')),
    ("alias-headers", edit(TRAEFIK, 'aliasHeadersStrategy = "delete"', 'aliasHeadersStrategy = "keep"')),
    ("open-trusted-ips", edit(TRAEFIK, "[entryPoints.websecure.transport]", '[entryPoints.websecure.forwardedHeaders]\ntrustedIPs = ["0.0.0.0/0"]\n[entryPoints.websecure.transport]')),
    ("insecure-api", edit(TRAEFIK, "insecure = false", "insecure = true")),
    ("log-query-strings", edit(TRAEFIK, 'queryParameters = { defaultMode = "drop" }', "")),
    ("log-addresses", edit(TRAEFIK, 'ClientHost = "drop"', 'ClientHost = "keep"')),
    ("forged-claims", edit(ROUTES, '"strip-claims", ', "")),
    ("no-hsts", edit(ROUTES, "stsSeconds = 31536000", "stsSeconds = 0")),
    ("no-sni-strict", edit(ROUTES, "sniStrict = true", "sniStrict = false")),
    ("no-public-limit", edit(ROUTES, '"rate", ', "")),
    ("public-ops", edit(ROUTES, 'entryPoints = ["ops"]\nservice = "api@internal"', 'entryPoints = ["websecure"]\nservice = "api@internal"')),
    ("relay-development", edit(RELAY, '"production"', '"development"')),
    ("relay-url", edit(RELAY, "https://relay", "http://relay")),
    ("open-trusted-proxies", edit(RELAY, "172.16.70.2/32", "0.0.0.0/0")),
    ("relay-key-file", edit(RELAY, 'kind = "openbao"', 'kind = "file"')),
    ("openbao-plain", edit(RELAY, "https://openbao", "http://openbao")),
    ("openbao-plain", edit(BAO, "max_request_json_strings", "tls_disable = true\n  max_request_json_strings")),
    ("no-audit", edit(BAO, 'audit "file"', '# audit "file"')),
] + [("secret-owner", lambda one: os.chown(one.folder / "secrets/relay_secret_id", 4711, 4711))] * ROOT

TUNNEL = [
    ("secret-missing", lambda one: (one.folder / "secrets/tunnel_token").unlink()),
    ("published-port", override("services: { traefik: { ports: ['127.0.0.1:8080:8080'] } }\n")),
    ("secret-in-argument", override("services: { cloudflared: { command: [run, --token, abc] } }\n")),
    ("open-trusted-ips", edit(TRAEFIK, 'trustedIPs = ["172.16.72.3/32"]', "insecure = true")),
    ("stray-network", override("services: { cloudflared: { networks: { edge: null } } }\n")),
]


def preflight(deployment):
    return deployment.run("preflight-prod.sh", **extra(deployment))


def extra(deployment):
    file = deployment.folder / "extra.yml"
    return {"SEALPOST_COMPOSE_EXTRA": str(file)} if file.exists() else {}


def composed_of(deployment):
    """The model, as preflight-prod.sh has it."""
    files = settings.compose_files(settings.load(deployment.env_file))
    return composed(*files, *extra(deployment).values(), env_file=deployment.env_file)


@unittest.skipUnless(ROOT, "a production deployment is made by root: its services have users of their own")
class Preflight(unittest.TestCase):
    def assert_named(self, shape, broken):
        deployment = Deployment()
        self.addCleanup(deployment.remove)
        deployment.good(shape)
        with tempfile.TemporaryDirectory() as kept:
            deployment.copy(kept)
            model = composed_of(deployment)
            for name, damage in broken:
                damage(deployment)
                changed = (deployment.folder / "extra.yml").exists() or deployment.env_file.read_text() != (Path(kept) / "env").read_text()
                found = rules.findings(settings.load(deployment.env_file), composed_of(deployment) if changed else model)
                self.assertIn(name, {finding.name for finding in found})
                self.assertTrue(all(finding.fix for finding in found))
                deployment.restore(kept)

    def test_good_deployments_of_both_shapes_are_ok_and_nothing_more(self):
        for shape in ("tls", "tunnel"):
            deployment = Deployment()
            self.addCleanup(deployment.remove)
            done = preflight(deployment.good(shape))
            self.assertEqual((done.stdout, done.stderr, done.returncode), ("OK\n", "", 0))

    def test_certificates_by_dns_need_their_credential(self):
        deployment = Deployment()
        self.addCleanup(deployment.remove)
        deployment.good("tls").set("SEALPOST_ACME_CHALLENGE", "cloudflare-token")
        deployment.set("COMPOSE_FILE", "compose.yml:compose.prod.yml:compose.cloudflare-token.yml:compose.backup.yml")
        self.assertEqual(deployment.run("render-prod-config.sh").returncode, 0)
        self.assertIn("secret-missing", preflight(deployment).stdout)
        deployment.add_secret("cloudflare_dns_token")
        done = preflight(deployment)
        self.assertEqual(done.stdout, "OK\n", done.stderr)
        self.assertIn('provider = "cloudflare"', (deployment.folder / TRAEFIK).read_text())

    def test_each_fault_of_the_tls_shape_is_named_with_its_fix(self):
        self.assert_named("tls", BROKEN)

    def test_each_fault_of_the_tunnel_shape_is_named_with_its_fix(self):
        self.assert_named("tunnel", TUNNEL)

    def test_faults_are_told_one_by_one_each_with_its_fix(self):
        deployment = Deployment()
        self.addCleanup(deployment.remove)
        deployment.good("tls")
        (deployment.folder / "secrets/openbao_seal_key").chmod(0o444)
        override("services: { postgres: { ports: ['5432:5432'] } }\n")(deployment)
        done = preflight(deployment)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(re.findall(r"^([a-z-]+): ", done.stdout, re.MULTILINE), ["published-port", "secret-mode"])
        self.assertEqual(done.stdout.count("    fix: "), 2)
        self.assertIn("preflight: 2 faults", done.stderr)

    def test_a_compose_file_of_the_operators_own_is_looked_at_as_well(self):
        deployment = Deployment()
        self.addCleanup(deployment.remove)
        deployment.good("tls")
        own = deployment.folder / "own.yml"
        own.write_text("services: { postgres: { ports: ['5432:5432'] } }\n")
        deployment.set("COMPOSE_FILE", f"compose.yml:compose.prod.yml:{own}")
        self.assertIn("published-port", preflight(deployment).stdout)

    def test_unknown_settings_and_impossible_models_are_named(self):
        deployment = Deployment()
        self.addCleanup(deployment.remove)
        deployment.good("tls")
        with deployment.env_file.open("a") as env:
            env.write("SEALPOST_RELAY_HOSTS=typo\n")
        self.assertIn("unknown variables SEALPOST_RELAY_HOSTS", preflight(deployment).stderr)


if __name__ == "__main__":
    unittest.main()
