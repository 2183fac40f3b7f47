"""What must hold of the rendered configuration of a production deployment."""

import ipaddress
import re
import tomllib

import lint
import render
import settings as deployment
from findings import Finding

RENDER = "run render-prod-config.sh"
TEMPLATE = "put the template back as it was, then run render-prod-config.sh"


def findings(settings, _model):
    """All faults of what the containers will read."""
    folder = deployment.folder(settings, "CONFIG")
    if not (folder / "traefik" / "traefik.toml").is_file():
        return [Finding("not-rendered", f"there is no configuration in {folder}", RENDER)]
    found = [Finding("broken-reference", one, RENDER) for one in lint.findings(folder)]
    found += stale(settings, folder)
    try:
        static, dynamic = lint.load(folder)
        relay = tomllib.loads((folder / "relay" / "sealpost.toml").read_text())
    except (OSError, tomllib.TOMLDecodeError):
        return found
    shape = settings["SEALPOST_SHAPE"]
    return [*found, *traefik(static), *headers(dynamic, shape), *limits(dynamic), *of_relay(relay), *openbao((folder / "openbao" / "openbao.hcl"))]


def stale(settings, folder):
    for name, text in render.pages(settings).items():
        path = folder / name
        if not path.is_file() or path.read_text() != text:
            yield Finding("stale-configuration", f"{path} is not what the settings render", RENDER)
        elif path.stat().st_mode & 0o022:
            yield Finding("configuration-mode", f"others may write {path}", f"chmod 0644 {path}")


def traefik(static):
    for name, point in static.get("entryPoints", {}).items():
        listens_publicly = not point.get("address", "").startswith("127.")
        if listens_publicly and point.get("http", {}).get("aliasHeadersStrategy") != "delete":
            yield Finding("alias-headers", f"entry point {name} keeps X_Forwarded_For and its like", TEMPLATE)
        forwarded, protocol = point.get("forwardedHeaders", {}), point.get("proxyProtocol", {})
        for section in (forwarded, protocol):
            if section.get("insecure") or any(is_wide(one) for one in section.get("trustedIPs", [])):
                yield Finding("open-trusted-ips", f"entry point {name} believes everybody's forwarded headers", "trust the connector alone")
    if static.get("api", {}).get("insecure"):
        yield Finding("insecure-api", "Traefik's API answers on a port of its own", TEMPLATE)
    if static.get("providers", {}).get("docker") is not None:
        yield Finding("docker-provider", "Traefik asks the Docker engine, and could command it", TEMPLATE)
    for name, resolver in static.get("serversTransport", {}).items():
        if name == "insecureSkipVerify" and resolver:
            yield Finding("no-verification", "Traefik believes every server's certificate", TEMPLATE)
    log = static.get("accessLog")
    if log is not None and log.get("fields", {}).get("queryParameters", {}).get("defaultMode") != "drop":
        yield Finding("log-query-strings", "the access log keeps query strings, and with them signatures", TEMPLATE)
    if log is not None and any(log.get("fields", {}).get("names", {}).get(one) != "drop" for one in ("ClientAddr", "ClientHost")):
        yield Finding("log-addresses", "the access log keeps clients' addresses", TEMPLATE)


def is_wide(text):
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return True
    return network.num_addresses > 1


def headers(dynamic, shape):
    http = dynamic.get("http", {})
    middlewares = http.get("middlewares", {})
    public = {name: one for name, one in http.get("routers", {}).items() if one.get("entryPoints") != ["ops"]}
    for name, router in public.items():
        mine = [middlewares.get(one, {}) for one in router.get("middlewares", [])]
        dropped = {header for one in mine for header, value in one.get("headers", {}).get("customRequestHeaders", {}).items() if value == ""}
        wanted = {"CF-Connecting-IP"} | ({"Cf-Access-Jwt-Assertion"} if shape != "tunnel" else set())
        for header in sorted(wanted - dropped):
            yield Finding("forged-claims", f"router {name} passes {header} on, which anybody can send", TEMPLATE)
        if not any(one.get("headers", {}).get("stsSeconds", 0) >= 15552000 for one in mine):
            yield Finding("no-hsts", f"router {name} does not tell browsers to stay with TLS", TEMPLATE)
        for point in ("api@internal", "prometheus@internal"):
            if router.get("service") == point:
                yield Finding("public-ops", f"router {name} shows {point} to everybody", "give it the entry point ops")
    if shape == "tls" and not dynamic.get("tls", {}).get("options", {}).get("default", {}).get("sniStrict"):
        yield Finding("no-sni-strict", "unknown names are answered with a certificate that is not theirs", TEMPLATE)


def limits(dynamic):
    http = dynamic.get("http", {})
    router = http.get("routers", {}).get("relay", {})
    kinds = {kind for one in router.get("middlewares", []) for kind in http.get("middlewares", {}).get(one, {})}
    for kind, what in [("rateLimit", "rate"), ("inFlightReq", "number of open requests"), ("buffering", "size of requests")]:
        if kind not in kinds:
            yield Finding("no-public-limit", f"the relay's router has no limit of the {what}", TEMPLATE)


def of_relay(relay):
    server, kms = relay.get("server", {}), relay.get("kms", {})
    if relay.get("environment", "production") != "production":
        yield Finding("relay-development", "the relay runs by the rules of development", "the shape must be tls or tunnel; " + RENDER)
    if not server.get("public_url", "").startswith("https://"):
        yield Finding("relay-url", "clients are told to call the relay without TLS", RENDER)
    if any(is_wide(one) for one in server.get("trusted_proxies", [])):
        yield Finding("open-trusted-proxies", "the relay believes more than Traefik about clients' addresses", RENDER)
    if any("*" in one for one in server.get("allowed_origins", [])):
        yield Finding("wildcard-origin", "the relay lets every web site in", "list the origins in SEALPOST_ALLOWED_ORIGINS")
    if kms.get("kind") != "openbao":
        yield Finding("relay-key-file", "the relay's keys lie on the disk that they protect", "set kms.kind to openbao")
    openbao = kms.get("openbao", {})
    if not openbao.get("address", "").startswith("https://") or not openbao.get("ca_file"):
        yield Finding("openbao-plain", "the relay talks to OpenBao without knowing who answers", TEMPLATE)
    if openbao.get("token_file") or openbao.get("secret_id"):
        yield Finding("openbao-token", "the relay is given a token, or a secret in its configuration", "use role_id and secret_id_file")


def openbao(path):
    text = re.sub(r"(?m)(^|\s)#.*$", "", path.read_text()) if path.is_file() else ""
    for fault, pattern, what in [
        ("openbao-plain", r"tls_disable\s*=\s*\"?(true|1)", "OpenBao listens without TLS"),
        ("openbao-in-memory", r"storage\s+\"inmem", "OpenBao keeps everything in memory"),
    ]:
        if re.search(pattern, text):
            yield Finding(fault, what, TEMPLATE)
    if not re.search(r"^audit\s+\"", text, re.MULTILINE):
        yield Finding("no-audit", "OpenBao keeps no audit log", TEMPLATE)
