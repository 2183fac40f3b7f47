"""What must hold of the composed model of every shape (`docker compose config --format json`)."""

import re

from findings import Finding

# Where each service may be. What is not named here may be nowhere but on `internal`.
NETWORKS = {
    "traefik": {"ingress", "edge", "tunnel"},
    "relay": {"edge", "internal", "access"},
    "cloudflared": {"tunnel", "egress"},
}
# The networks that lead out, and what that takes; the others must be internal.
OPEN = {"ingress", "egress", "access"}
FORK = "put the line back that compose.yml has; an override of yours may have removed it"


def findings(model, shape):
    """All faults of a composed model."""
    found = []
    for name, service in sorted(model["services"].items()):
        found += hardening(name, service)
        found += images(name, service)
        found += places(name, service, shape)
    for name, network in sorted(model.get("networks", {}).items()):
        if name not in OPEN and not network.get("internal"):
            found.append(Finding("network-not-internal", f"network {name} leads out of the host", "set internal: true on it"))
    return found


def hardening(name, service):
    """What every service gives up."""
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    options = service.get("security_opt", [])
    demands = [
        ("runs-as-root", is_unprivileged(service.get("user", "")), "has no numeric user above 0", "set user to SEALPOST_..._UID"),
        ("writable-root", service.get("read_only"), "has a root file system that can be written", "set read_only: true"),
        ("capabilities", service.get("cap_drop") == ["ALL"] and not service.get("cap_add"), "keeps capabilities", "cap_drop: [ALL], no cap_add"),
        ("new-privileges", any(re.fullmatch("no-new-privileges([:=]true)?", one) for one in options), "may gain privileges", FORK),
        ("confinement", not any("unconfined" in one for one in options), "is not confined", "remove unconfined from security_opt"),
        ("privileged", not service.get("privileged"), "is privileged", "remove privileged"),
        ("host-namespace", not host_namespaces(service), "shares a namespace of the host", "remove network_mode, pid and ipc"),
        ("no-health-check", has_health_check(service), "has no health check", FORK),
        ("logs-grow", (service.get("logging", {}).get("options") or {}).get("max-size"), "has logs without a limit", FORK),
        ("no-limits", {"memory", "pids", "cpus"} <= set(limits), "has no limit of memory, processes and processors", FORK),
        ("no-init", service.get("init"), "has no init process", "set init: true"),
        ("docker-socket", not mounts(service, "docker.sock"), "can command the Docker engine", "remove the mount of docker.sock"),
    ]
    return [Finding(fault, f"service {name} {what}", fix) for fault, holds, what, fix in demands if not holds]


def is_unprivileged(user):
    match = re.fullmatch(r"(\d+)(:(\d+))?", str(user))
    return bool(match) and int(match[1]) > 0 and int(match[3] or 1) > 0


def host_namespaces(service):
    return any(str(service.get(key, "")).startswith(("host", "container:", "service:")) for key in ("network_mode", "pid", "ipc", "userns_mode"))


def has_health_check(service):
    check = service.get("healthcheck") or {}
    return bool(check.get("test")) and check["test"][0] != "NONE" and not check.get("disable")


def mounts(service, part):
    return [one for one in service.get("volumes", []) if part in one.get("source", "")]


def images(name, service):
    """A version at least; what production demands beyond that is in preflight."""
    image = service.get("image", "")
    if "@sha256:" in image or image.startswith("sha256:"):
        return []
    tag = image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else "latest"
    if tag == "latest" or not re.search(r"\d", tag):
        return [Finding("image-without-version", f"service {name} runs {image}", "name a version")]
    return []


def places(name, service, shape):
    """Ports and networks."""
    found = []
    ports = service.get("ports", [])
    if ports and (name != "traefik" or shape == "tunnel"):
        fix = "the tunnel shape publishes nothing" if shape == "tunnel" else "only Traefik publishes ports"
        found.append(Finding("published-port", f"service {name} publishes {describe(ports)}", f"remove ports: {fix}"))
    elif name == "traefik":
        found += [
            Finding("published-port", f"service traefik publishes {describe([port])}", "publish only what compose.yml and the shape do")
            for port in ports
            if not allowed(port, shape)
        ]
    stray = set(service.get("networks", {})) - NETWORKS.get(name, {"internal"})
    if stray:
        found.append(Finding("stray-network", f"service {name} is on {', '.join(sorted(stray))}", "take it off; README.md shows who is where"))
    return found


def allowed(port, shape):
    """Production: web ports for everybody, the ops port for this machine alone or an address that the firewall guards."""
    address = port.get("host_ip", "")
    if shape == "tls" and port["target"] in (80, 443):
        return True
    if shape == "tls" and port["target"] == 9100:
        return address not in ("", "0.0.0.0", "::")
    return shape == "local" and address == "127.0.0.1" and port["target"] == 8080


def describe(ports):
    return ", ".join(f"{port.get('host_ip', '*')}:{port.get('published', '?')}->{port['target']}" for port in ports)
