"""Settings that are refused because they would expose data or passwords."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.checks.security.base import (
    SECRET_KEY_INSECURE_PREFIX,
    SECRET_KEY_MIN_LENGTH,
    SECRET_KEY_MIN_UNIQUE_CHARACTERS,
)

from reservations.loopback import is_loopback

RISKS = {
    "weak_secret_key": "SECRET_KEY must be secret and random, with at least "
    f"{SECRET_KEY_MIN_LENGTH} characters, when DJANGO_DEBUG=0",
    "any_host": "ALLOWED_HOSTS must not contain * when DJANGO_DEBUG=0",
    "public_debug": "HOST must be a loopback address when DJANGO_DEBUG=1: "
    "error pages show code and settings to every client",
    "plain_smtp": "EMAIL_URL must end with ?tls=1 or ?ssl=1: "
    "without, the password is sent unencrypted",
}
"""What is refused, by the name that ALLOW_INSECURE accepts to insist on it."""

# Keys with the second prefix are in the source code.
_PUBLISHED_KEYS = (SECRET_KEY_INSECURE_PREFIX, "only-for-")
# libpq's other modes, "allow" and "prefer", use TLS or not as the server or an attacker likes.
_DEFINITE_SSL_MODES = frozenset({"disable", "require", "verify-ca", "verify-full"})


def find_risks(
    *,
    debug: bool,
    secret_key: str,
    allowed_hosts: Sequence[str],
    host: str,
    mail: Mapping[str, Any],
) -> list[str]:
    """Return the keys of ``RISKS`` that these settings have; ``mail`` is the parsed EMAIL_URL."""
    found = {
        "weak_secret_key": not debug and _is_weak(secret_key),
        "any_host": not debug and "*" in allowed_hosts,
        "public_debug": debug and not is_loopback(host),
        "plain_smtp": bool(mail["EMAIL_HOST_PASSWORD"])
        and not (mail["EMAIL_USE_TLS"] or mail["EMAIL_USE_SSL"])
        and not is_loopback(mail["EMAIL_HOST"]),
    }
    return [name for name, is_found in found.items() if is_found]


def _is_weak(key: str) -> bool:
    return (
        len(key) < SECRET_KEY_MIN_LENGTH
        or len(set(key)) < SECRET_KEY_MIN_UNIQUE_CHARACTERS
        or key.startswith(_PUBLISHED_KEYS)
    )


def leaves_encryption_open(database: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Return whether the database is on another machine and nothing says how to encrypt.

    Args:
        database: Django's settings of the database, from DATABASE_URL.
        environ: the environment variables, of which libpq reads PGSSLMODE and others.
    """
    options = database.get("OPTIONS", {})
    mode = options.get("sslmode") or environ.get("PGSSLMODE")
    return mode not in _DEFINITE_SSL_MODES and not _is_local(database, options, environ)


def _is_local(
    database: Mapping[str, Any], options: Mapping[str, Any], environ: Mapping[str, str]
) -> bool:
    if options.get("service") or environ.get("PGSERVICE"):
        return False  # A file names the server.
    hosts = [
        options.get("hostaddr") or environ.get("PGHOSTADDR"),
        options.get("host") or database["HOST"] or environ.get("PGHOST"),
    ]
    # Without a host, and if the host is a path, libpq uses a Unix socket.
    return all(
        is_loopback(each) or each.startswith(("/", "@"))
        for host in hosts
        if host
        for each in str(host).split(",")
    )
