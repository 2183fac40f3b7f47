"""Deployments in temporary folders, made by the real scripts."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(DEPLOY / "python"))
IMAGES = ("TRAEFIK", "RELAY", "POSTGRES", "OPENBAO", "CLOUDFLARED", "BACKUP")
# Of an identity that nobody has.
RECIPIENT = "age1" + "q" * 58
COMPOSE = os.environ.get("SEALPOST_COMPOSE", "docker compose").split()


class Deployment:
    """Settings, secrets, configuration and data folders below one temporary folder."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp())
        self.env_file = self.folder / "env"

    def remove(self):
        shutil.rmtree(self.folder)

    def run(self, script, *arguments, **variables):
        """Runs a script of deploy/ for this deployment."""
        environment = os.environ | {"SEALPOST_ENV_FILE": str(self.env_file)} | variables
        return subprocess.run([DEPLOY / script, *arguments], env=environment, capture_output=True, text=True)

    def bootstrap(self, *arguments):
        folders = [f"--set=SEALPOST_{name.upper()}_DIR={self.folder / name}" for name in ("secrets", "config", "state", "backup")]
        split = [part for one in folders for part in one.split("=", 1)]
        return self.run("bootstrap.sh", *split, *arguments)

    def good(self, shape):
        """A production deployment without a fault; its images are digests of nothing."""
        images = [f"--set=SEALPOST_{name}_IMAGE={name.lower()}@sha256:{'0' * 64}" for name in IMAGES]
        settings = [part for one in images for part in one.split("=", 1)]
        email = "--set", "SEALPOST_ACME_EMAIL=alice@alice-and-bob.net"
        backups = "--set", f"SEALPOST_BACKUP_RECIPIENTS={RECIPIENT}"
        done = self.bootstrap("--shape", shape, "--host", "relay.alice-and-bob.net", *email, *backups, *settings)
        if done.returncode:
            raise AssertionError(done.stderr)
        if shape == "tunnel":
            self.add_secret("tunnel_token")
        return self

    def add_secret(self, name, value="f" * 48):
        environment = os.environ | {"SEALPOST_ENV_FILE": str(self.env_file)}
        command = [DEPLOY / "bootstrap.sh", "--add-secret", name]
        subprocess.run(command, env=environment, input=value, text=True, check=True)

    def copy(self, target):
        """All of it at another place, with owners and modes."""
        subprocess.run(["cp", "--archive", f"{self.folder}/.", target], check=True)

    def restore(self, source):
        """As it was when it was copied to `source`."""
        shutil.rmtree(self.folder)
        subprocess.run(["cp", "--archive", source, self.folder], check=True)

    def replace(self, path, old, new):
        """Changes a file below the folder, which must hold what is to be changed."""
        text = (self.folder / path).read_text()
        if old not in text:
            raise AssertionError(f"{path} does not hold {old}")
        (self.folder / path).write_text(text.replace(old, new))

    def set(self, name, value):
        """Changes one setting."""
        lines = self.env_file.read_text().splitlines()
        changed = [f"{name}={value}" if line.startswith(f"{name}=") else line for line in lines]
        self.env_file.write_text("\n".join(changed) + "\n")


def composed(*files, env_file=DEPLOY / "env" / ".env.example"):
    """The model that compose makes of some files of deploy/."""
    options = [part for file in files for part in ("-f", str(DEPLOY / file))]
    command = [*COMPOSE, "--env-file", str(env_file), *options, "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)
