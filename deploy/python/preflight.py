"""All static findings on a production deployment. preflight.py ENV_FILE MODEL"""

import json
import sys
from pathlib import Path

import compose_rules
import config_rules
import secret_rules
import settings as deployment
import settings_rules


def findings(settings, model):
    """Every fault, by name."""
    found = compose_rules.findings(model, settings["SEALPOST_SHAPE"])
    for rules in (settings_rules, secret_rules, config_rules):
        found += rules.findings(settings, model)
    return sorted(set(found))


def main(env_file, model_file):
    """Exit code 0 and OK, or 1 and every fault with its fix."""
    try:
        found = findings(deployment.load(env_file), json.loads(Path(model_file).read_text()))
    except deployment.SettingsError as error:
        sys.exit(f"preflight: {error}")
    for finding in found:
        print(finding)
    if found:
        sys.exit(f"preflight: {len(found)} faults")
    print("OK")


if __name__ == "__main__":
    main(*sys.argv[1:])
