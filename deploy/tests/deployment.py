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
        folders = [f"--set=SEALPOST_{name.upper()}_DIR={self.folder / name}" for name in ("secrets", "config", "state")]
        split = [part for one in folders for part in one.split("=", 1)]
        return self.run("bootstrap.sh", *split, *arguments)

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
