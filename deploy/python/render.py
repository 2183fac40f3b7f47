"""Renders what the containers mount from the templates and the settings, and lints it.

render.py ENV_FILE OUTPUT: writes the folders relay, traefik, postgres and openbao below OUTPUT.
render.py --check ENV_FILE: writes nothing; fails where rendering to the folder of the settings would.
"""

import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

import lint
import settings as deployment

CLOUDFLARE = 'dnsChallenge = { provider = "cloudflare", resolvers = ["1.1.1.1:53", "8.8.8.8:53"] }'
TEMPLATES = deployment.DEPLOY / "templates"
# What was rendered into a folder, by name: nothing else there is ever removed.
LISTING = ".rendered"
DRAFT = re.compile(r"\..*\.draft")
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


def values(settings):
    """What the templates' @NAMES@ stand for."""
    host = settings["SEALPOST_RELAY_HOST"]
    if not HOST.fullmatch(host):
        raise deployment.SettingsError(f"SEALPOST_RELAY_HOST is not a host name: {host}")
    local = settings["SEALPOST_SHAPE"] == "local"
    origins = [origin for origin in settings["SEALPOST_ALLOWED_ORIGINS"].split(",") if origin]
    return {
        "ENVIRONMENT": "development" if local else "production",
        "PUBLIC_URL": public_url(settings),
        "ALLOWED_ORIGINS": json.dumps(origins),
        "REGISTRATION": settings["SEALPOST_REGISTRATION"],
        "TRUSTED_PROXIES": trusted_proxies(settings),
        "RELAY_HOST": host,
        "RELAY_SERVERS": servers(settings),
        "RELAY_METRICS": metrics(settings),
        "REDIRECT_TO": redirect_to(settings),
        "ACME_CHALLENGE": challenge(settings),
        "ACME_ROOT": acme_root(settings),
        "ACCESS": access(settings),
        "BACKUPS": backups(settings),
        "BACKUP_RECIPIENTS": json.dumps(recipients(settings)),
        "SEAL_KEY": seal_key(settings),
    } | plain(settings)


def plain(settings):
    """Values that stand in the templates as they are given, once their form is checked."""
    address, number = r"[0-9]+(\.[0-9]+){3}", r"[1-9][0-9]*"
    forms = {
        "EDGE_TRAEFIK": address,
        "INGRESS_TRAEFIK": address,
        "TUNNEL_TRAEFIK": address,
        "TUNNEL_CONNECTOR": address,
        "REQUESTS_PER_SECOND": number,
        "REQUESTS_BURST": number,
        "REQUESTS_OPEN": number,
        "ACME_EMAIL": r"([^@\"\\]+@[^@\"\\]+)?",
        "ACME_SERVER": r"https://[^\"\\]+",
    }
    for name, form in forms.items():
        if not re.fullmatch(form, settings[f"SEALPOST_{name}"]):
            raise deployment.SettingsError(f"SEALPOST_{name} cannot be {settings[f'SEALPOST_{name}']!r}")
    return {name: settings[f"SEALPOST_{name}"] for name in forms}


def trusted_proxies(settings):
    """Behind a connector the last hop that Traefik names is the connector, and the client is the one before."""
    hops = ["EDGE_TRAEFIK"] + ["TUNNEL_CONNECTOR"] * (settings["SEALPOST_SHAPE"] == "tunnel")
    return json.dumps([f"{settings[f'SEALPOST_{hop}']}/32" for hop in hops])


def redirect_to(settings):
    """Where plain HTTP is sent: the entry point, or its published port where that is another."""
    port = settings["SEALPOST_WEBSECURE_PORT"]
    return "websecure" if port == "443" else f":{port}"


def challenge(settings):
    """How the certificate authority sees that the name is ours."""
    known = {
        "tls": "tlsChallenge = {}",
        "http": 'httpChallenge = { entryPoint = "web" }',
        "cloudflare-token": CLOUDFLARE,
        "cloudflare-key": CLOUDFLARE,
    }
    if settings["SEALPOST_ACME_CHALLENGE"] not in known:
        raise deployment.SettingsError(f"SEALPOST_ACME_CHALLENGE is one of {', '.join(known)}")
    return known[settings["SEALPOST_ACME_CHALLENGE"]]


def acme_root(settings):
    """The root of an authority that no system knows; it is rendered beside the configuration."""
    return 'caCertificates = ["/etc/traefik/acme-root.pem"]\n' if settings["SEALPOST_ACME_ROOT"] else ""


def access(settings):
    """The relay's section on Cloudflare Access, where it is in front."""
    team, audience = settings["SEALPOST_ACCESS_TEAM"], settings["SEALPOST_ACCESS_AUDIENCE"]
    if not team and not audience:
        return ""
    if settings["SEALPOST_SHAPE"] != "tunnel":
        raise deployment.SettingsError("SEALPOST_ACCESS_* are for the tunnel shape: in the others no assertion reaches the relay")
    if not re.fullmatch(r"https://[a-z0-9.-]+", team) or not re.fullmatch(r"[A-Za-z0-9_-]+", audience):
        raise deployment.SettingsError("SEALPOST_ACCESS_TEAM is https://NAME.cloudflareaccess.com, and SEALPOST_ACCESS_AUDIENCE belongs to it")
    root = 'ca_file = "/etc/sealpost/access-root.pem"\n' if settings["SEALPOST_ACCESS_ROOT"] else ""
    return f'\n[access]\nteam_url = "{team}"\naudience = "{audience}"\n{root}'


def recipients(settings):
    """Who can open the backups; nobody where none are made."""
    found = [one for one in settings["SEALPOST_BACKUP_RECIPIENTS"].split(",") if one]
    for one in found:
        if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", one):
            raise deployment.SettingsError(f"SEALPOST_BACKUP_RECIPIENTS: {one} is no public half of an age identity (age1...)")
    if not re.fullmatch(r"[1-9][0-9]{0,5}[smhd]", settings["SEALPOST_BACKUP_RPO"]):
        raise deployment.SettingsError("SEALPOST_BACKUP_RPO is a time such as 30m, 1h or 1d")
    for name in ("KEEP_LAST", "KEEP_DAILY", "KEEP_WEEKLY", "KEEP_MONTHLY", "VERIFY_DAYS"):
        if not re.fullmatch(r"[0-9]{1,4}", settings[f"SEALPOST_BACKUP_{name}"]):
            raise deployment.SettingsError(f"SEALPOST_BACKUP_{name} is a number")
    return found


def backups(settings):
    """Where a relay finds how old the newest backup is."""
    return '\n[backup]\nfolder = "/var/lib/sealpost-backups"\n' if recipients(settings) else ""


def seal_key(settings):
    """What names the seal key, so that a restore can compare; no backup holds the key itself. Nothing where OpenBao is unsealed by people."""
    stanza = re.search(r'^seal "static" \{\n\s*current_key_id\s*=\s*"([^"]+)"', (deployment.DEPLOY / "openbao" / "openbao.hcl").read_text(), re.MULTILINE)
    file = deployment.folder(settings, "SECRETS") / "openbao_seal_key"
    if not stanza or not recipients(settings) or not file.is_file():
        return ""
    return f'seal_key_id = "{stanza[1]}"\nseal_key_sha256 = "{hashlib.sha256(file.read_bytes()).hexdigest()}"\n'


def metrics(settings):
    """One path for each replica: an average over whichever relay answers would be no measurement."""
    page = """
[http.routers.relay-{n}-metrics]
rule = "Path(`/relay/{n}/metrics`)"
entryPoints = ["ops"]
service = "relay-{n}-ops"
middlewares = ["metrics-path"]
[http.services.relay-{n}-ops.loadBalancer]
servers = [{{ url = "http://{project}-relay-{n}:7451" }}]
"""
    replicas = range(1, int(settings["SEALPOST_RELAY_REPLICAS"]) + 1)
    return "".join(page.format(n=number, project=settings["COMPOSE_PROJECT_NAME"]) for number in replicas)


def public_url(settings):
    """What clients sign when they log in: with the port where it is not the scheme's own."""
    host, port = settings["SEALPOST_RELAY_HOST"], settings["SEALPOST_WEBSECURE_PORT"]
    if settings["SEALPOST_SHAPE"] == "local":
        return f"http://{host}:{settings['SEALPOST_HTTP_PORT']}"
    return f"https://{host}" if port == "443" or settings["SEALPOST_SHAPE"] == "tunnel" else f"https://{host}:{port}"


def servers(settings):
    """One server for each replica, under the name that compose gives it."""
    project, replicas = settings["COMPOSE_PROJECT_NAME"], settings["SEALPOST_RELAY_REPLICAS"]
    if not re.fullmatch(r"[1-9][0-9]?", replicas):
        raise deployment.SettingsError("SEALPOST_RELAY_REPLICAS is a number from 1 to 99")
    urls = [f'{{ url = "http://{project}-relay-{number}:7450" }}' for number in range(1, int(replicas) + 1)]
    return f"[{', '.join(urls)}]"


def fill(template, known):
    """The text of a template with its @NAMES@ replaced."""

    def value(match):
        if match[1] not in known:
            raise deployment.SettingsError(f"{template}: nothing is known of @{match[1]}@")
        return known[match[1]]

    return re.sub(r"@([A-Z_]+)@", value, template.read_text())


def roots(settings):
    """Authorities that no system knows, for who asks them."""
    places = {"SEALPOST_ACME_ROOT": "traefik/acme-root.pem", "SEALPOST_ACCESS_ROOT": "relay/access-root.pem"}
    folder = deployment.folder(settings, "SECRETS")
    return {place: (folder / settings[name]).read_text() for name, place in places.items() if settings[name]}


def pages(settings):
    """Every rendered file by its place."""
    shape, known = settings["SEALPOST_SHAPE"], values(settings)
    traefik = TEMPLATES / "traefik"
    return roots(settings) | {
        "relay/sealpost.toml": fill(TEMPLATES / "relay" / "sealpost.toml", known),
        **({"backup/sealpost.toml": fill(TEMPLATES / "backup" / "sealpost.toml", known)} if recipients(settings) else {}),
        "traefik/traefik.toml": fill(traefik / f"{shape}.toml", known),
        "traefik/dynamic/relay.toml": fill(traefik / "dynamic" / "relay.toml", known),
        f"traefik/dynamic/{shape}.toml": fill(traefik / "dynamic" / f"{shape}.toml", known),
    } | {
        f"{name}/{path.relative_to(deployment.DEPLOY / name)}": path.read_text()
        for name in ("postgres", "openbao")
        for path in sorted((deployment.DEPLOY / name).rglob("*"))
        if path.is_file()
    }


def leftovers(rendered, output):
    """Pages of `output` that were rendered before and are no more. Anything else there is somebody's: then nothing may be touched."""
    listing = output / LISTING
    known = set(listing.read_text().splitlines()) if listing.is_file() else set()
    found = {str(path.relative_to(output)) for path in output.rglob("*") if not path.is_dir() and not DRAFT.fullmatch(path.name)}
    strangers = sorted(found - known - set(rendered) - {LISTING})
    if strangers:
        raise deployment.SettingsError(
            f"{output} holds what was never rendered, {strangers[0]} for one: give SEALPOST_CONFIG_DIR a folder of its own"
        )
    return sorted(found & known - set(rendered))


def write(rendered, output):
    """Writes all pages, readable by the containers' users, and removes what was rendered before and is no more."""
    for name in leftovers(rendered, output):
        (output / name).unlink()
    output.mkdir(parents=True, exist_ok=True)
    listing = "".join(f"{name}\n" for name in sorted(rendered))
    for name, text in {LISTING: listing, **rendered}.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed into place: Traefik watches the folder and must never see half a file.
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(text)
        draft.chmod(0o644)
        draft.replace(path)
    for path in [output, *(path for path in output.rglob("*") if path.is_dir())]:
        path.chmod(0o755)


def checked(settings):
    """All pages, once they passed the lint."""
    rendered = pages(settings)
    with tempfile.TemporaryDirectory() as draft:
        write(rendered, Path(draft))
        found = lint.findings(draft)
    if found:
        raise deployment.SettingsError("\n".join(found))
    return rendered


def main(arguments):
    """Exit code 0, or 1 with every reason on standard error."""
    try:
        if arguments[0] == "--check":
            settings = deployment.load(arguments[1])
            leftovers(checked(settings), deployment.folder(settings, "CONFIG"))
        else:
            write(checked(deployment.load(arguments[0])), Path(arguments[1]))
    except (deployment.SettingsError, OSError) as error:
        sys.exit(f"render: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
