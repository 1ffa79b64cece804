"""The text of a key: ``tbk_<id>_<secret>``.

The prefix lets scanners find a key that was published by mistake.
"""

import re
import secrets
import string
from hashlib import sha256
from typing import NamedTuple

_PREFIX = "tbk"
_ID_LENGTH = 12
_ID_ALPHABET = string.ascii_lowercase + string.digits
# 45 characters of 62 have 267 random bits.
_SECRET_LENGTH = 45
_SECRET_ALPHABET = string.ascii_letters + string.digits
# The upper limit keeps the time to hash a secret short.
_ID = rf"[a-z0-9]{{{_ID_LENGTH}}}"
_PATTERN = re.compile(rf"{_PREFIX}_({_ID})_([A-Za-z0-9]{{43,100}})")


class Token(NamedTuple):
    """A key: its public id, and its secret."""

    id: str
    secret: str

    def __str__(self) -> str:
        return f"{_PREFIX}_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        """Return the text without the secret, for tracebacks and logs."""
        return f"<Token {self.id}>"

    def secret_hash(self) -> str:
        """Return the SHA-256 of the secret, in hex."""
        return sha256(self.secret.encode()).hexdigest()


def generate(key_id: str | None = None) -> Token:
    """Return a new random key, whose id may be given."""
    return Token(key_id or new_id(), _choose(_SECRET_ALPHABET, _SECRET_LENGTH))


def new_id() -> str:
    """Return a random id for a key."""
    return _choose(_ID_ALPHABET, _ID_LENGTH)


def parse(text: str) -> Token | None:
    """Return the key in ``text``, or None if it does not have the form of one."""
    found = _PATTERN.fullmatch(text)
    return Token(found[1], found[2]) if found else None


def is_id(text: str) -> bool:
    """Return whether ``text`` has the form of the id of a key."""
    return re.fullmatch(_ID, text) is not None


def _choose(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
