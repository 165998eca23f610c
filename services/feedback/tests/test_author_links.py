"""Links of authors: each names its post in its workspace, on its kind of page, and nobody makes one up."""

from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.author_links.rules import read_token, token_of

POST = UUID("01a20436-ee46-7e51-8490-d378feeb2c20")


def sign(plain):
    return sha256(b"key" + plain).digest()


def other(plain):
    return sha256(b"other" + plain).digest()


@given(st.uuids(), st.text(max_size=20))
def test_a_link_names_its_post_alone(id, workspace):
    token = token_of(id, workspace, sign)

    assert read_token(token, workspace, [other, sign]) == id
    assert read_token(token, workspace + "x", [sign]) is None
    assert read_token(token, workspace, [other]) is None
    assert read_token(token + "A", workspace, [sign]) is None


@pytest.mark.parametrize(
    "text", ["", "é" * 44, "A" * 43, "A" * 44, "=" * 44, " " * 44, token_of(POST, "acme", sign) + "\n"]
)
def test_what_is_no_link_names_nothing(text):
    assert read_token(text, "acme", [sign]) is None


def test_a_link_stays_the_same_and_is_good_for_an_address():
    token = token_of(POST, "acme", sign)

    assert token == token_of(POST, "acme", sign)
    assert len(token) == 44
    assert token.replace("-", "").replace("_", "").isalnum()
