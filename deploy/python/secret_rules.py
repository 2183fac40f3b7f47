"""What must hold of the secret files: there, real, for one service's user alone, and fitting together."""

import os
import re
import stat
import subprocess
from urllib.parse import parse_qs, urlsplit

import settings as deployment
from findings import Finding

PLACEHOLDER = re.compile(r"change.?me|placeholder|replace.?me|^(password|secret|postgres|sealpost|root|admin|test)\d*$", re.IGNORECASE)
ROOT_TOKEN = re.compile(r"^(hv)?s\.[A-Za-z0-9]{20,}|^root$")
# What nobody has to guess, and what several services read.
PUBLIC = {"internal_ca"}
SHORTEST = 32
# What two services read, each from a file of its own.
PAIRS = [{f"{service}_secret_id", f"openbao_{service}_secret_id"} for service in ("relay", "backup")]
# Days before a certificate ends at which it is time.
RENEW_BEFORE = 30


def findings(settings, model):
    """All faults of the secrets that services mount."""
    folder = deployment.folder(settings, "SECRETS")
    found = list(folder_mode(folder))
    files = {name: secret["file"] for name, secret in model.get("secrets", {}).items()}
    readable = {}
    for name, file in sorted(files.items()):
        found += [*presence(name, file), *owner(name, file, model)]
        try:
            with open(file, "rb") as opened:
                readable[name] = opened.read()
        except OSError:
            continue
        found += content(name, readable[name])
    return [*found, *pairs(readable), *shared(readable), *database(readable), *certificates(files, readable)]


def folder_mode(folder):
    if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Finding("secrets-folder-open", f"others can look into {folder}", f"chmod 0700 {folder}")


def presence(name, file):
    try:
        with open(file, "rb"):
            return
    except FileNotFoundError:
        yield Finding("secret-missing", f"{file} is not there", f"bootstrap.sh --add-secret {name} takes it from standard input")
    except OSError as error:
        yield Finding("secret-unreadable", f"{file}: {error.strerror}", "run this as who starts the deployment")


def owner(name, file, model):
    try:
        found = os.stat(file)
    except OSError:
        return
    users = {user_of(service) for service in model["services"].values() if name in mounted(service)}
    if name in PUBLIC:
        return
    if stat.S_IMODE(found.st_mode) & 0o377:
        yield Finding("secret-mode", f"{file} has mode {stat.S_IMODE(found.st_mode):04o}", f"chmod 0400 {file}")
    if users and users != {found.st_uid}:
        wanted = " or ".join(str(user) for user in sorted(users))
        yield Finding("secret-owner", f"{file} belongs to user {found.st_uid}, its service is {wanted}", f"chown {wanted} {file}")


def mounted(service):
    return {secret["source"] for secret in service.get("secrets") or []}


def user_of(service):
    number = str(service.get("user", "")).partition(":")[0]
    return int(number) if number.isdigit() else 0


def content(name, value):
    text = value.decode(errors="replace")
    if not value:
        yield Finding("secret-empty", f"{name} is empty", "make the deployment anew, or put the secret back")
    elif name == "openbao_seal_key":
        if len(value) != 32:
            yield Finding("seal-key-length", f"openbao_seal_key has {len(value)} bytes", "it is 32 raw bytes: put the offline copy back")
    elif not text.startswith("-----BEGIN"):
        if value != value.rstrip():
            yield Finding("secret-newline", f"{name} ends with white space, which OpenBao takes as part of it", f"printf %s into {name}")
        if PLACEHOLDER.search(text.strip()):
            yield Finding("default-secret", f"{name} is a placeholder", "make a real one: openssl rand -hex 24")
        elif ROOT_TOKEN.search(text.strip()):
            yield Finding("openbao-token", f"{name} is a token of OpenBao", "use the AppRole's secret id; revoke the token")
        elif len(text.strip()) < SHORTEST:
            yield Finding("weak-secret", f"{name} has less than {SHORTEST} characters", "make a real one: openssl rand -hex 24")


def pairs(readable):
    for service in ("relay", "backup"):
        both = [readable.get(name) for name in (f"{service}_secret_id", f"openbao_{service}_secret_id")]
        if all(both) and both[0] != both[1]:
            fix = "give both the one that OpenBao knows; README.md says how to change it"
            yield Finding("secret-id-mismatch", f"the secret id of {service} is not the one that OpenBao is told", fix)


def shared(readable):
    by_value = {}
    for name, value in readable.items():
        by_value.setdefault(value, set()).add(name)
    for several in by_value.values():
        if len(several) > 1 and several not in PAIRS:
            yield Finding("secret-reused", f"{', '.join(sorted(several))} are one and the same", "make each its own")


def database(readable):
    for service, role in (("relay", "sealpost"), ("backup", "sealpost_backup")):
        yield from database_of(service, role, readable)


def database_of(service, role, readable):
    name = f"{service}_database_url"
    url = urlsplit(readable.get(name, b"").decode(errors="replace").strip())
    if not url.hostname:
        return
    password = readable.get(f"postgres_{service}_password", b"").decode(errors="replace")
    if password and url.password != password:
        yield Finding("database-password", f"{name} has another password than Postgres was given", "write the same into both")
    if url.username in ("postgres", "root"):
        yield Finding("database-superuser", f"service {service} connects as {url.username}", f"use the role {role} in {name}")
    if parse_qs(url.query).get("sslmode") != ["verify-full"]:
        fix = "append ?sslmode=verify-full&sslrootcert=/run/secrets/internal_ca"
        yield Finding("database-tls", "whoever stands between may answer as the database", fix)


def certificates(files, readable):
    """Certificates that are good for long enough, signed by the authority, each beside its own key."""
    for name in ("postgres_certificate", "openbao_certificate", "internal_ca"):
        if name not in readable:
            continue
        ends = ["openssl", "x509", "-in", files[name], "-noout", "-checkend", str(RENEW_BEFORE * 86400)]
        if subprocess.run(ends, capture_output=True, check=False).returncode:
            yield Finding("certificate-ends", f"{name} is no certificate that is good for {RENEW_BEFORE} days", "bootstrap.sh --renew-certificates")
            continue
        if name == "internal_ca":
            continue
        yield from own_key(name, files)
        if "internal_ca" in readable:
            verify = ["openssl", "verify", "-CAfile", files["internal_ca"], files[name]]
            if subprocess.run(verify, capture_output=True, check=False).returncode:
                yield Finding("certificate-stranger", f"{name} is not signed by internal_ca", "bootstrap.sh --renew-certificates")


def own_key(name, files):
    key = files.get(name.replace("_certificate", "_key"))
    if not key:
        return
    of_certificate = ["openssl", "x509", "-in", files[name], "-noout", "-pubkey"]
    of_key = ["openssl", "pkey", "-in", key, "-pubout"]
    public = [subprocess.run(command, capture_output=True, check=False).stdout for command in (of_certificate, of_key)]
    if public[0] != public[1]:
        yield Finding("certificate-key", f"{name} is of another key than the one beside it", "bootstrap.sh --renew-certificates")
