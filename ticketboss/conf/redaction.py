"""Removes personal data and secrets from text that is about to be logged.

Exceptions contain data that no log call names: PostgreSQL quotes the row that violates a
constraint, and a traceback the arguments in its messages.
"""

import re
from datetime import datetime
from typing import Any

from structlog.typing import EventDict

MAX_CHARS = 32_768
"""Longer texts lose their middle. The end of a traceback names the exception."""

HIDDEN = "[hidden]"
EMAIL = "[email]"

# Each pattern is linear: it can begin only at the start of a token or at a fixed word, and nothing
# that can fail follows a quantifier without an upper bound, or it fails at each earlier position at
# once. Groups have no possessive quantifiers, which early versions of Python 3.11 match wrongly.
_AT = r"(?:@|%(?:25)*40|\\u0040|\\x40|&#64;)"
_QUOTED = r'\\?"[^"\n]{1,320}"'  # A quoted local part may contain spaces.
_LOCAL_CHARACTER = r"[^\s@<>()\[\],;:\"]"
_ATOM = (
    rf"(?<!{_LOCAL_CHARACTER})'?+"
    rf"(?:(?!{_AT}){_LOCAL_CHARACTER})+"
)
_DOMAIN = r"(?:\[[\w.:]{1,64}\]|(?:[^\s@<>()\[\],;:\"'&?/\\{}|]|\\u[0-9A-Fa-f]{4})+)"
_ADDRESS = re.compile(rf"(?:{_QUOTED}|{_ATOM}){_AT}{_DOMAIN}")

# Not a port that is followed by a path.
_URL_PASSWORD = re.compile(r"(://[^\s:/?#@\"'<>]{0,256}:)(?!\d{1,5}[/?#])[^\s\"'<>]{1,256}@")
_API_KEY = re.compile(r"\b(tbk_[a-z0-9]{1,64}_)[A-Za-z0-9]++")
_NAMES_OF_SECRETS = (
    "authorization|cookie|csrfmiddlewaretoken|csrftoken|x-csrftoken|sessionid|password|passwd"
    "|secret_key|idempotency[-_]key"
)
_SECRET = re.compile(
    rf"(\b(?:{_NAMES_OF_SECRETS})\b(?:\\?[\"'] ?[:=] ?| ?= ?|:[ \n])\\?[\"']?)"
    r"(?:(?:Bearer|Basic) )?[^\s,;&\"'\\]++",
    re.IGNORECASE,
)
# Up to the end of the message, because values may contain line breaks. In a traceback, another
# exception can follow.
_TO_THE_END = r".*?(?=\n\n(?:The above exception was|During handling of) |\Z)"
_POSTGRES_FIELD = re.compile(
    rf"(\b(?:DETAIL|CONTEXT|QUERY|STATEMENT|LINE \d{{1,9}}):[ \n]|Failing row contains \()"
    rf"{_TO_THE_END}",
    re.DOTALL,
)
_POSTGRES_KEY = re.compile(r"(Key \([^()\n]{1,256}\)=\()[^\n]*+")

_SUBSTITUTIONS = (
    (_POSTGRES_FIELD, rf"\1{HIDDEN}"),
    (_POSTGRES_KEY, rf"\1{HIDDEN})"),
    (_URL_PASSWORD, rf"\1{HIDDEN}@"),
    (_API_KEY, rf"\1{HIDDEN}"),
    (_SECRET, rf"\1{HIDDEN}"),
    (_ADDRESS, EMAIL),
)
# Each pattern other than that of API keys needs one of these. orjson writes no space by itself.
_REQUIRED_CHARACTERS = b"@ =(%\\&'"


def needs_redaction(rendered: bytes) -> bool:
    """Return False if no pattern can match in a rendered JSON line, which most lines are."""
    # Faster than a regular expression, or than one search for each of the characters.
    plain = rendered.translate(None, _REQUIRED_CHARACTERS)
    return len(plain) < len(rendered) or b"tbk_" in rendered


def redact(text: str) -> str:
    """Return ``text`` without e-mail addresses, passwords, keys and values of database rows."""
    if len(text) > MAX_CHARS:
        text = _without_middle(text)
    for pattern, replacement in _SUBSTITUTIONS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(value: Any) -> Any:
    """Return a value of a log entry as it may be logged; text in any other object is redacted."""
    match value:
        case str():
            return redact(value)
        case bool() | int() | float() | None | datetime():
            return value
        case dict():
            return {redact(str(name)): redact_value(each) for name, each in value.items()}
        case list() | tuple():
            return [redact_value(each) for each in value]
    return redact(repr(value))


def redact_entry(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """Redact all values of a log entry (a structlog processor)."""
    return {name: redact_value(value) for name, value in entry.items()}


def _without_middle(text: str) -> str:
    half = MAX_CHARS // 2
    return f"{text[:half]} [{len(text) - MAX_CHARS} characters left out] {text[-half:]}"
