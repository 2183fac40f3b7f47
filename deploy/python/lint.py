"""Looks for what Traefik itself would only tell at run time, by answering 404 to everybody."""

import re
import tomllib
from pathlib import Path

INTERNAL = {"api@internal", "prometheus@internal", "ping@internal", "noop@internal"}


def findings(config_dir):
    """What is wrong with the rendered Traefik configuration, one sentence each."""
    try:
        static, dynamic = load(Path(config_dir))
    except (OSError, tomllib.TOMLDecodeError) as error:
        return [f"the rendered Traefik configuration cannot be read: {error}"]
    return [*references(static, dynamic), *entry_points(static)]


def load(config_dir):
    """The static table, and all dynamic ones merged."""
    static = tomllib.loads((config_dir / "traefik" / "traefik.toml").read_text())
    dynamic = {}
    for path in sorted((config_dir / "traefik" / "dynamic").glob("*.toml")):
        merge(dynamic, tomllib.loads(path.read_text()))
    return static, dynamic


def merge(into, table):
    for key, value in table.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def references(static, dynamic):
    """Every router's entry points, service, middlewares and resolver must be there."""
    http = dynamic.get("http", {})
    routers, services = http.get("routers", {}), http.get("services", {})
    middlewares = http.get("middlewares", {})
    resolvers, points = static.get("certificatesResolvers", {}), static.get("entryPoints", {})
    found = [] if routers else ["there is no router: every request would be answered 404"]
    for name, router in routers.items():
        if router.get("service") not in services and router.get("service") not in INTERNAL:
            found.append(f"router {name}: there is no service {router.get('service')}")
        found += [f"router {name}: there is no middleware {one}" for one in router.get("middlewares", []) if one not in middlewares]
        if not router.get("entryPoints"):
            found.append(f"router {name}: names no entry point, and would answer on all of them")
        found += [f"router {name}: there is no entry point {one}" for one in router.get("entryPoints", []) if one not in points]
        resolver = router.get("tls", {}).get("certResolver")
        if resolver and resolver not in resolvers:
            found.append(f"router {name}: there is no certificate resolver {resolver}")
    for name, middleware in middlewares.items():
        chained = middleware.get("chain", {}).get("middlewares", [])
        found += [f"middleware {name}: there is no middleware {one}" for one in chained if one not in middlewares]
    return found


def entry_points(static):
    """Entry points that something else names must be there, and each must listen somewhere."""
    points = static.get("entryPoints", {})
    found = [f"entry point {name}: no address" for name, point in points.items() if not re.search(r":\d+$", point.get("address", ""))]
    for name, section in [("ping", static.get("ping")), ("metrics", static.get("metrics", {}).get("prometheus"))]:
        if section is not None and section.get("entryPoint") not in points:
            found.append(f"{name}: there is no entry point {section.get('entryPoint')}")
    for name, point in points.items():
        http = point.get("http", {})
        target = http.get("redirections", {}).get("entryPoint", {}).get("to")
        if target and not target.startswith(":") and target not in points:
            found.append(f"entry point {name}: redirects to {target}, which is not there")
        resolver = http.get("tls", {}).get("certResolver") if isinstance(http.get("tls"), dict) else None
        if resolver and resolver not in static.get("certificatesResolvers", {}):
            found.append(f"entry point {name}: there is no certificate resolver {resolver}")
    return found
