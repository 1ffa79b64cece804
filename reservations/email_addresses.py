"""E-mail addresses: which are accepted, how they are written in an e-mail, how they are compared.

An address is accepted only if it can be given to every mail server unchanged, in ASCII: the local
part as it was typed, the domain in Punycode by IDNA 2008 (RFC 5891). Nothing depends on the locale
of the database or of the process.
"""

import re
import unicodedata

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

MAX_LENGTH = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
_MAX_LABEL_LENGTH = 63  # RFC 1035, 2.3.4

# "user%other.example" and "other.example!user" ask a mail server to forward to other.example, and
# "=?" begins an encoded word (RFC 2047), which mail programs decode. Postfix refuses a leading "-".
_MISLEADING = re.compile(r"[%!]|=\?|^-")
# Top-level domains consist of letters or are in Punycode; digits end an IP address.
_TOP_LEVEL_DOMAIN = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+")


def to_ascii(text: str) -> str | None:
    """Return the address as an e-mail must name it, or None if ``text`` is not accepted.

    The local part is the one in ``text``; the domain is in Punycode, in lower case.
    """
    local, _, domain = text.rpartition("@")
    # Encoding makes no label shorter. The validator takes quadratic time for some long ones.
    if len(text) > MAX_LENGTH or max(map(len, domain.split("."))) > _MAX_LABEL_LENGTH:
        return None
    try:
        parsed = validate_email(
            text,
            allow_smtputf8=False,
            check_deliverability=False,
            strict=True,
            test_environment=True,  # accepts .test (RFC 6761)
        )
    except EmailNotValidError:
        return None
    if _MISLEADING.search(local) or not _is_same_domain(domain, parsed):
        return None
    return f"{local}@{parsed.ascii_domain}"


def canonicalise(text: str) -> str:
    """Return the form in which addresses are compared: that of ``to_ascii``, in lower case.

    Text that is not accepted, which older versions may have stored, is normalised to NFC and
    lower-cased. If that made it equal to an accepted address, it is only trimmed.
    """
    text = text.strip()
    if text.isascii():
        return text.lower()
    if ascii_form := to_ascii(text):
        return ascii_form.lower()
    normalised = unicodedata.normalize("NFC", text).lower()
    return text if normalised.isascii() else normalised


def _is_same_domain(typed: str, parsed: ValidatedEmail) -> bool:
    """Return whether the domain differs from the typed one only in case and normalisation.

    The validator also maps other characters, as browsers do: a long s to s, a ligature to letters.
    """
    _, dot, top_level = parsed.ascii_domain.rpartition(".")
    pairs = zip(typed.split("."), parsed.domain.split("."), strict=False)
    return (
        bool(dot)
        and typed.count(".") == parsed.domain.count(".")
        and _TOP_LEVEL_DOMAIN.fullmatch(top_level) is not None
        and all(_is_same_label(*pair) for pair in pairs)
    )


def _is_same_label(typed: str, parsed: str) -> bool:
    # ``lower`` makes a sigma at the end of a word final, IDNA does not: one in upper case could
    # mean either domain, so it is not accepted.
    if typed.isascii():
        return True
    return not parsed.isascii() and unicodedata.normalize("NFC", typed.lower()) == parsed
