"""What must hold of the settings of a production deployment, and of the composed model beyond what every shape keeps."""

import re

import settings as deployment
from findings import Finding

PLACEHOLDERS = re.compile(r"(^|\.)(example\.(org|com|net)|example|localhost|test|invalid|local)$")
SECRET_NAME = re.compile(r"PASSWORD|TOKEN|SECRET|API_KEY|PRIVATE")
OPENBAO_DEVELOPMENT = re.compile(r"^-dev\b|^BAO_DEV|^VAULT_DEV")
OPENBAO_TOKEN = re.compile(r"^(BAO|VAULT)_TOKEN$")


def findings(settings, model):
    """All faults of settings and model."""
    found = [*shape(settings), *files(settings), *names(settings), *folders(settings), *backups(settings), *users(model)]
    for name, service in model["services"].items():
        found += [*pinned(name, service), *environment(name, service), *development(name, service)]
    return found


def shape(settings):
    if settings["SEALPOST_SHAPE"] == "local":
        yield Finding("local-shape", "the settings are of the local shape", "bootstrap.sh --shape tls or tunnel")
    if settings["SEALPOST_SHAPE"] == "tls":
        if PLACEHOLDERS.search(settings["SEALPOST_ACME_EMAIL"]) or "@" not in settings["SEALPOST_ACME_EMAIL"]:
            yield Finding("acme-email", "the certificate authority can write to nobody", "set SEALPOST_ACME_EMAIL")
        if "staging" in settings["SEALPOST_ACME_SERVER"]:
            yield Finding("acme-staging", "certificates come from a test authority", "set SEALPOST_ACME_SERVER to the real one")
        if settings["SEALPOST_ACME_CHALLENGE"] == "cloudflare-key" and not settings["SEALPOST_CLOUDFLARE_EMAIL"]:
            yield Finding("cloudflare-email", "a global key needs its account", "set SEALPOST_CLOUDFLARE_EMAIL, or use cloudflare-token")


def files(settings):
    given, wanted = settings["COMPOSE_FILE"].split(":"), deployment.compose_files(settings)
    ours = {path.name for path in deployment.DEPLOY.glob("compose*.yml")}
    if [file for file in given if file in ours] != wanted:
        fix = f"set COMPOSE_FILE={':'.join(wanted)}, and behind these what you add yourself"
        yield Finding("compose-files", f"COMPOSE_FILE={settings['COMPOSE_FILE']} is not the shape of the settings", fix)


def names(settings):
    host = settings["SEALPOST_RELAY_HOST"]
    if PLACEHOLDERS.search(host):
        yield Finding("placeholder-host", f"clients cannot call the relay {host}", "set SEALPOST_RELAY_HOST to its real name")
    for origin in filter(None, settings["SEALPOST_ALLOWED_ORIGINS"].split(",")):
        if "*" in origin:
            yield Finding("wildcard-origin", f"the origin {origin} lets every web site in", "list the origins one by one")
        elif not re.fullmatch(r"https://[^/*]+", origin):
            yield Finding("origin-form", f"{origin} is no secure origin", "write https://host, without a path")


def folders(settings):
    for name in ("SECRETS", "STATE"):
        if folder_is_in_clone(settings, name):
            fix = f"set SEALPOST_{name}_DIR to a folder outside, and move it there"
            yield Finding("kept-in-clone", f"SEALPOST_{name}_DIR lies in the clone, where git clean removes it", fix)


def backups(settings):
    if not settings["SEALPOST_BACKUP_RECIPIENTS"]:
        fix = "make an identity on another machine (sealpost-relay backup identity), set SEALPOST_BACKUP_RECIPIENTS; see Backups in README.md"
        yield Finding("no-backups", "nothing is backed up: SEALPOST_BACKUP_RECIPIENTS names nobody", fix)
        return
    place = deployment.folder(settings, "BACKUP")
    if folder_is_in_clone(settings, "BACKUP"):
        yield Finding("kept-in-clone", "SEALPOST_BACKUP_DIR lies in the clone, where git clean removes it", "set it to a folder on another disk")
    if not (place / "backups.lock").exists():
        yield Finding("backup-place", f"{place} is no place of backups", "mount its disk; if it is a new place: backup.sh --first")


def folder_is_in_clone(settings, name):
    return deployment.folder(settings, name).is_relative_to(deployment.DEPLOY.parent)


def users(model):
    by_user = {}
    for name, service in sorted(model["services"].items()):
        by_user.setdefault(str(service.get("user", "")).partition(":")[0], []).append(name)
    for user, services in by_user.items():
        if len(services) > 1:
            what = f"{' and '.join(services)} are the same user {user}, and could read each other's secrets"
            yield Finding("shared-user", what, "give each a number of its own in SEALPOST_..._UID; run bootstrap.sh as root")


def pinned(name, service):
    image = service.get("image", "")
    if not re.search(r"(@|^)sha256:[0-9a-f]{64}$", image):
        fix = "docker image inspect shows the digest; write name@sha256:... (or the id sha256:... of a local image) in the settings"
        yield Finding("image-not-pinned", f"service {name} runs {image}, which can change", fix)


def environment(name, service):
    for variable, value in (service.get("environment") or {}).items():
        if OPENBAO_TOKEN.search(variable):
            yield Finding("openbao-token", f"service {name} carries {variable}", "remove it: the relay logs in by AppRole")
        elif SECRET_NAME.search(variable) and not variable.endswith("_FILE") and value:
            fix = "give it by file, as the other secrets: docker inspect shows variables"
            yield Finding("secret-in-variable", f"service {name} has a secret in {variable}", fix)


def development(name, service):
    words = [*(service.get("entrypoint") or []), *(service.get("command") or []), *(service.get("environment") or {})]
    if any(OPENBAO_DEVELOPMENT.search(word) for word in words):
        yield Finding("development-server", f"service {name} runs in development mode, in memory and with a known token", "remove -dev")
    if name == "cloudflared" and any(word.startswith("--token") for word in words):
        yield Finding("secret-in-argument", "the connector's token is an argument", "use TUNNEL_TOKEN_FILE, as compose.tunnel.yml does")
