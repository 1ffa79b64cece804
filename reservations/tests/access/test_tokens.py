"""The text of a key."""

import re
from hashlib import sha256

from hypothesis import example, given
from hypothesis import strategies as st

from reservations.access import tokens
from reservations.access.tokens import Token

IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12, max_size=12)
SECRETS = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=43, max_size=100
)


def test_generated_key_has_the_documented_form() -> None:
    assert re.fullmatch(r"tbk_[a-z0-9]{12}_[A-Za-z0-9]{43,}", str(tokens.generate()))


def test_generated_keys_differ() -> None:
    generated = [tokens.generate() for _ in range(100)]
    assert len({token.id for token in generated}) == 100
    assert len({token.secret for token in generated}) == 100


@given(IDS, SECRETS)
def test_key_is_parsed_into_its_parts(key_id: str, secret: str) -> None:
    assert tokens.parse(f"tbk_{key_id}_{secret}") == Token(key_id, secret)


@given(st.text(max_size=80))
@example("tbk_0123456789ab_" + "x" * 42)
@example("tbk_0123456789ab_" + "x" * 101)
@example("tbk_0123456789AB_" + "x" * 43)
@example("tbk_0123456789ab_" + "x" * 43 + "\n")
@example("tbk_0123456789ab_" + "\u0661" * 43)
@example("xtbk_0123456789ab_" + "x" * 43)
def test_other_text_is_no_key(text: str) -> None:
    assert tokens.parse(text) is None


def test_only_the_text_of_a_key_shows_its_secret() -> None:
    token = tokens.generate()
    assert token.secret in str(token)
    assert token.secret not in repr(token)
    assert token.secret not in f"{[token]}"


def test_secret_is_hashed_with_sha256() -> None:
    token = tokens.generate()
    assert token.secret_hash() == sha256(token.secret.encode()).hexdigest()
