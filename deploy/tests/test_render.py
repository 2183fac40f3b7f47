"""The renderer, and the lint that stands before it writes."""

import tempfile
import tomllib
import unittest
from pathlib import Path

from deployment import DEPLOY

import lint
import render
import settings

RELAY = """
[http.routers.relay]
rule = "Host(`relay.example.org`)"
entryPoints = ["web"]
service = "relay"
middlewares = ["strip"]
[http.middlewares.strip.headers]
[http.services.relay.loadBalancer]
"""
STATIC = '[entryPoints.web]\naddress = ":8080"\n'


def linted(static, dynamic):
    with tempfile.TemporaryDirectory() as folder:
        traefik = Path(folder) / "traefik"
        (traefik / "dynamic").mkdir(parents=True)
        (traefik / "traefik.toml").write_text(static)
        (traefik / "dynamic" / "all.toml").write_text(dynamic)
        return lint.findings(folder)


class Lint(unittest.TestCase):
    def test_whole_configuration_passes(self):
        self.assertEqual(linted(STATIC, RELAY), [])

    def test_each_broken_reference_is_named(self):
        cases = [
            (STATIC, RELAY.replace('service = "relay"', 'service = "relai"'), "no service relai"),
            (STATIC, RELAY.replace('["strip"]', '["stripe"]'), "no middleware stripe"),
            (STATIC, RELAY.replace('["web"]', '["websecure"]'), "no entry point websecure"),
            (STATIC, RELAY.replace('entryPoints = ["web"]\n', ""), "names no entry point"),
            (STATIC + '[ping]\nentryPoint = "ops"\n', RELAY, "ping: there is no entry point ops"),
            (STATIC, "", "no router"),
            (STATIC, "[http", "cannot be read"),
        ]
        for static, dynamic, expected in cases:
            found = linted(static, dynamic)
            self.assertEqual(len(found), 1, found)
            self.assertIn(expected, found[0])


class Render(unittest.TestCase):
    def settings(self, **changes):
        return settings.read(DEPLOY / "env" / ".env.example") | changes

    def test_replicas_are_named_one_by_one(self):
        pages = render.pages(self.settings(SEALPOST_RELAY_REPLICAS="3", COMPOSE_PROJECT_NAME="garden"))
        service = tomllib.loads(pages["traefik/dynamic/relay.toml"])["http"]["services"]["relay"]["loadBalancer"]
        self.assertEqual([one["url"] for one in service["servers"]], [f"http://garden-relay-{number}:7450" for number in (1, 2, 3)])

    def test_relay_trusts_whoever_hands_requests_on_and_nobody_else(self):
        for shape, hops in [("local", ["172.16.70.2/32"]), ("tls", ["172.16.70.2/32"]), ("tunnel", ["172.16.70.2/32", "172.16.72.3/32"])]:
            server = tomllib.loads(render.pages(self.settings(SEALPOST_SHAPE=shape))["relay/sealpost.toml"])["server"]
            self.assertEqual(server["trusted_proxies"], hops)

    def test_pages_that_are_no_more_are_removed_and_nothing_else_ever(self):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "config"
            render.write({"relay/a": "1", "relay/b": "2"}, output)
            (output / "relay" / ".a.draft").write_text("of a killed run")
            render.write({"relay/a": "3"}, output)
            self.assertEqual((output / "relay" / "a").read_text(), "3")
            self.assertFalse((output / "relay" / "b").exists())
            seal_key = output / "secrets" / "openbao_seal_key"
            seal_key.parent.mkdir()
            seal_key.write_text("the only one")
            with self.assertRaisesRegex(settings.SettingsError, "secrets/openbao_seal_key"):
                render.write({}, output)
            self.assertEqual((seal_key.read_text(), (output / "relay" / "a").read_text()), ("the only one", "3"))

    def test_folders_within_each_other_are_refused(self):
        for name, place in [("SECRETS", "/srv/config/secrets"), ("STATE", "/srv/config"), ("CONFIG", "/srv/state/config")]:
            folders = {"SEALPOST_SECRETS_DIR": "/srv/secrets", "SEALPOST_CONFIG_DIR": "/srv/config", "SEALPOST_STATE_DIR": "/srv/state"}
            with self.assertRaisesRegex(settings.SettingsError, "a folder of its own"):
                settings.apart(self.settings(**(folders | {f"SEALPOST_{name}_DIR": place})))

    def test_access_is_demanded_where_it_is_in_front_and_nowhere_else(self):
        team = {"SEALPOST_ACCESS_TEAM": "https://alice-and-bob.cloudflareaccess.com", "SEALPOST_ACCESS_AUDIENCE": "4714c135"}
        page = render.pages(self.settings(SEALPOST_SHAPE="tunnel", **team))["relay/sealpost.toml"]
        self.assertEqual(tomllib.loads(page)["access"], {"team_url": team["SEALPOST_ACCESS_TEAM"], "audience": "4714c135"})
        self.assertNotIn("access", tomllib.loads(render.pages(self.settings(SEALPOST_SHAPE="tunnel"))["relay/sealpost.toml"]))
        for shape, changes in [("tls", {}), ("tunnel", {"SEALPOST_ACCESS_AUDIENCE": ""}), ("tunnel", {"SEALPOST_ACCESS_TEAM": "http://x"})]:
            with self.assertRaises(settings.SettingsError):
                render.pages(self.settings(SEALPOST_SHAPE=shape, **(team | changes)))

    def test_values_that_would_break_a_page_are_refused(self):
        for name, value in [("SEALPOST_RELAY_HOST", "a`)||Host(`b"), ("SEALPOST_RELAY_REPLICAS", "0")]:
            with self.assertRaises(settings.SettingsError):
                render.pages(self.settings(**{name: value}))


if __name__ == "__main__":
    unittest.main()
