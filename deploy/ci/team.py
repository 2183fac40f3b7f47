"""A team of Cloudflare Access for tests: team.py keys KEY prints the public keys, team.py assertion KEY CLAIMS signs (RS256).

KEY is a file with a private RSA key in PEM; its name without the suffix is the key's id.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path


def encoded(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, given=None):
    """What openssl prints."""
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def keys(key):
    """The set of one key, as a team tells it (RFC 7517)."""
    modulus = openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().partition("=")[2]
    public = {"kid": Path(key).stem, "kty": "RSA", "alg": "RS256", "use": "sig", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}
    return json.dumps({"keys": [public]})


def assertion(key, claims):
    """A signed assertion (RFC 7515)."""
    header = json.dumps({"alg": "RS256", "kid": Path(key).stem, "typ": "JWT"})
    message = f"{encoded(header.encode())}.{encoded(claims.encode())}"
    return f"{message}.{encoded(openssl('dgst', '-sha256', '-sign', key, given=message.encode()))}"


if __name__ == "__main__":
    print({"keys": keys, "assertion": assertion}[sys.argv[1]](*sys.argv[2:]))
