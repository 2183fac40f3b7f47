"""How old the backups of a deployment are, from the status that the backup job leaves.

backup_status.py FILE: tells it. backup_status.py FILE RPO DAYS: prints what is wrong, or nothing.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read(file):
    """The status; nothing is known where there is none."""
    try:
        return json.loads(Path(file).read_text())
    except FileNotFoundError:
        return {}


def age(stamp, now):
    """How long ago a moment of the status was."""
    # Nanoseconds are more than Python reads.
    whole = datetime.fromisoformat(stamp.partition(".")[0].rstrip("Z"))
    return now - whole.replace(tzinfo=timezone.utc)


def duration(text):
    """30m, 1h, 1d."""
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def told(span):
    """For people: two units at most."""
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 1440} days" if minutes >= 2880 else f"{minutes // 60} h {minutes % 60} min"


def faults(status, rpo, days, now):
    """What is wrong with the backups, a sentence each."""
    made, verified = status.get("last_backup"), status.get("last_verified")
    if not made:
        return ["no backup was ever made"]
    found = []
    if age(made["created_at"], now) > duration(rpo):
        found.append(f"the newest backup is {told(age(made['created_at'], now))} old, and SEALPOST_BACKUP_RPO is {rpo}")
    if not verified:
        found.append("no backup was ever verified: one that nobody has opened may be none")
    elif age(verified["verified_at"], now) > timedelta(days=days):
        found.append(f"the last backup that was verified is so since {told(age(verified['verified_at'], now))}")
    return found


def described(status, now):
    """Everything that is known, for people."""
    made, verified = status.get("last_backup"), status.get("last_verified")
    if not made:
        return "no backup was ever made"
    text = f"newest: {made['id']}, {told(age(made['created_at'], now))} old, {made['bytes']} bytes, made in {made['seconds']} s\n"
    if not verified:
        return text + "verified: none, ever"
    return text + f"verified: {verified['id']}, {told(age(verified['verified_at'], now))} ago"


if __name__ == "__main__":
    moment = datetime.now(timezone.utc)
    if len(sys.argv) == 2:
        print(described(read(sys.argv[1]), moment))
    else:
        for fault in faults(read(sys.argv[1]), sys.argv[2], int(sys.argv[3]), moment):
            print(fault)
