"""Text that people type and read: names, and the ids that partners choose."""

import re
import unicodedata

# Control characters; format characters, which include zero-width ones and those that reverse the
# direction of writing; lone surrogates; separators of lines and paragraphs.
_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Unicode's categories call these letters, symbols, marks or unassigned; none is ever visible. The
# variation selector U+FE0F is allowed, because emoji need it.
_FILLER = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0e\uffa0"
    "\ufff0-\ufff8\ufffc\U000e0000-\U000e0fff]"
)
# Marks are visible only on another character.
_INVISIBLE = frozenset({"Cf", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})
# NFC shortens text to a quarter at most, so longer text is too long for every field.
_MAX_LENGTH = 1000


def normalise(text: str) -> str:
    """Return ``text`` trimmed and in NFC, so that equal text consists of equal characters.

    Text that is too long for every field is only trimmed: sorting its combining marks takes
    quadratic time.
    """
    text = text.strip()
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text).strip() if len(text) <= _MAX_LENGTH else text


def check_name(text: str) -> None:
    """Check the normalised name of an event, a venue or a partner.

    Raises:
        ValueError: the name must be typed again; the message is a sentence that says why.
    """
    if has_forbidden_characters(text):
        raise ValueError(
            "Remove line breaks, control characters and invisible characters, "
            "or type the text again instead of pasting it."
        )
    if is_blank(text):
        raise ValueError("Enter at least one visible character.")


def has_forbidden_characters(text: str) -> bool:
    """Return whether ``text`` has characters that are invisible, reorder it or break lines."""
    if text.isascii() and text.isprintable():  # The usual case, which is fast to check.
        return False
    return any(map(_is_forbidden, text))


def is_blank(text: str) -> bool:
    """Return whether ``text`` has only characters that cannot be seen, other than controls."""
    if text.isascii():
        return not text.strip(" ")
    return all(map(_is_invisible, text))


def _is_forbidden(character: str) -> bool:
    return unicodedata.category(character) in _FORBIDDEN or _FILLER.match(character) is not None


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or _FILLER.match(character) is not None
