"""What a link says is read again as it was written, and nothing else is."""

import hmac
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.unsubscribing.rules import Link, read_token, token_of


def sign(said):
    return hmac.digest(b"key", said, "sha256")


LINKS = st.builds(
    Link,
    person_id=st.uuids(),
    topic=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    channel=st.sampled_from(["email", "inbox", "sms"]),
)


@given(LINKS)
def test_a_link_is_read_as_it_was_written_in_its_workspace_alone(link):
    token = token_of(link, "acme", sign)

    assert read_token(token, "acme", sign) == link
    assert token_of(link, "acme", sign) == token, "the same mail is written with the same bytes"
    assert len(token) <= 200
    assert read_token(token, "other", sign) is None
    assert read_token(token, "acme", lambda said: hmac.digest(b"another", said, "sha256")) is None


@given(LINKS, st.data())
def test_a_link_with_another_letter_is_none(link, data):
    token = token_of(link, "acme", sign)
    place = data.draw(st.integers(0, len(token) - 2))  # the bits that end a token may say nothing
    other = data.draw(st.sampled_from("AZaz09-_").filter(lambda letter: letter != token[place]))

    assert read_token(token[:place] + other + token[place + 1 :], "acme", sign) is None


@given(st.text(max_size=250))
def test_no_text_makes_it_fail(text):
    assert read_token(text, "acme", sign) is None


@pytest.mark.parametrize("topic", ["", "@confirmation", "a/b", "UPPER", "x" * 64, "é"])
def test_what_is_no_topic_is_in_no_link(topic):
    assert read_token(token_of(Link(uuid4(), topic, "email"), "acme", sign), "acme", sign) is None


def test_it_tells_nobody_by_name():
    token = token_of(Link(UUID(int=1), "news", "email"), "acme", sign)

    assert "news" not in token
    assert "acme" not in token
