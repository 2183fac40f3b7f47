"""The compose files by the rules, and the rules by models that break them."""

import copy
import unittest

from deployment import composed

import compose_rules
import settings

MODELS = {shape: composed(*files, settings.BACKUP) for shape, files in settings.SHAPES.items()}


def names(model, shape):
    return {finding.name for finding in compose_rules.findings(model, shape)}


class Shapes(unittest.TestCase):
    def test_every_shape_keeps_the_rules(self):
        for shape, model in MODELS.items():
            self.assertEqual(compose_rules.findings(model, shape), [], shape)

    def test_nothing_but_traefik_publishes_ports(self):
        for shape, model in MODELS.items():
            publishers = {name for name, service in model["services"].items() if service.get("ports")}
            self.assertEqual(publishers, set() if shape == "tunnel" else {"traefik"}, shape)

    def test_postgres_and_openbao_are_on_the_inner_network_alone(self):
        for model in MODELS.values():
            for name in ("postgres", "openbao", "backup"):
                self.assertEqual(set(model["services"][name]["networks"]), {"internal"})


class Rules(unittest.TestCase):
    def assert_found(self, name, service, change, shape="local"):
        model = copy.deepcopy(MODELS[shape])
        change(model["services"][service])
        self.assertEqual(names(model, shape), {name})

    def test_each_missing_precaution_is_named(self):
        cases = {
            "runs-as-root": lambda one: one.update(user="0:0"),
            "writable-root": lambda one: one.pop("read_only"),
            "capabilities": lambda one: one.update(cap_add=["NET_ADMIN"]),
            "new-privileges": lambda one: one.update(security_opt=[]),
            "confinement": lambda one: one["security_opt"].append("seccomp=unconfined"),
            "privileged": lambda one: one.update(privileged=True),
            "host-namespace": lambda one: one.update(pid="host"),
            "no-health-check": lambda one: one.update(healthcheck={"disable": True}),
            "logs-grow": lambda one: one.pop("logging"),
            "no-limits": lambda one: one["deploy"]["resources"]["limits"].pop("memory"),
            "no-init": lambda one: one.pop("init"),
            "docker-socket": lambda one: one.setdefault("volumes", []).append({"source": "/var/run/docker.sock"}),
            "image-without-version": lambda one: one.update(image="relay"),
            "stray-network": lambda one: one["networks"].update(ingress=None),
            "published-port": lambda one: one.update(ports=[{"target": 7450, "published": "7450"}]),
        }
        for name, change in cases.items():
            self.assert_found(name, "relay", change)

    def test_traefik_outside_of_the_loopback_address_is_named(self):
        self.assert_found("published-port", "traefik", lambda one: one["ports"][0].update(host_ip="0.0.0.0"))

    def test_network_that_leads_out_is_named(self):
        model = copy.deepcopy(MODELS["local"])
        model["networks"]["internal"].pop("internal")
        self.assertEqual(names(model, "local"), {"network-not-internal"})


if __name__ == "__main__":
    unittest.main()
