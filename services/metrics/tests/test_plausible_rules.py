"""What Plausible's client sends, as recorded of the unmodified one, and what it is answered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import MessageKind, Reason, Unreadable
from opsloop_metrics.plausible import rules
from opsloop_metrics.reading.rules import Sender

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = Sender("192.0.2.1", "Mozilla/5.0", b"secret")
SHORT = {"n": "pageview", "v": 36, "u": "http://x.example/page#top", "d": "x.example", "r": None}


def one(body, now=NOW, sender=SENDER):
    reading = rules.read(body, now=now, sender=sender).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def test_a_page():
    message = one(SHORT | {"r": "http://r.example/"})
    assert (message.kind, message.event, message.url) == (MessageKind.PAGE, "$pageview", "http://x.example/page#top")
    assert (message.referrer, message.library, message.properties) == ("http://r.example/", "plausible", {})
    assert (message.message_id, message.time, message.is_identified) == (None, None, False)


@pytest.mark.parametrize(
    "body",
    [
        {"n": "Buy", "u": "http://x.example/", "d": "x.example", "p": {"a": "b"}, "r": "http://r.example/"},
        {"n": "Buy", "u": "http://x.example/", "d": "x.example", "m": {"a": "b"}, "r": "http://r.example/"},
        {
            "name": "Buy",
            "url": "http://x.example/",
            "domain": "x.example",
            "props": {"a": "b"},
            "referrer": "http://r.example/",
        },
        {
            "name": "Buy",
            "url": "http://x.example/",
            "domain": "x.example,y.example",
            "meta": '{"a": "b"}',
            "referrer": "http://r.example/",
        },
    ],
)
def test_names_are_short_or_long(body):
    message = one(body)
    assert (message.kind, message.event) == (MessageKind.TRACK, "Buy")
    assert (message.url, message.referrer) == ("http://x.example/", "http://r.example/")
    assert message.properties == {"a": "b"}
    assert message.distinct_id == one(SHORT).distinct_id


def test_properties_are_texts():
    given = {"a": 1, "b": True, "c": 1.5, "d": None, "e": "", "f": [1], "g": {"h": 1}, "i": "甲", "j": False}
    kept = {"a": "1", "b": "true", "c": "1.5", "i": "甲", "j": "false"}
    assert one(SHORT | {"p": given}).properties == kept
    assert len(one(SHORT | {"p": {str(name): "x" for name in range(40)}}).properties) == 30


def test_revenue_and_attention():
    message = one(SHORT | {"n": "Buy", "$": {"currency": "EUR", "amount": "5.50"}, "i": False})
    assert message.properties == {"revenue": 5.5, "currency": "EUR", "interactive": False}
    message = one(SHORT | {"n": "engagement", "sd": 80, "e": 3000})
    assert (message.event, message.properties) == ("engagement", {"scroll_depth": 80, "engagement_ms": 3000})
    assert one(SHORT | {"n": "Buy", "revenue": {"amount": 5}}).properties == {"revenue": 5.0, "currency": None}


def test_a_visitor_is_one_for_a_day():
    assert one(SHORT).distinct_id == one(SHORT, now=NOW + timedelta(hours=11)).distinct_id
    assert one(SHORT).distinct_id != one(SHORT, now=NOW + timedelta(hours=12)).distinct_id
    assert one(SHORT).distinct_id != one(SHORT | {"d": "y.example"}).distinct_id
    assert one(SHORT).distinct_id != one(SHORT, sender=Sender("192.0.2.2", "Mozilla/5.0", b"secret")).distinct_id
    assert one(SHORT).distinct_id != one(SHORT, sender=Sender("192.0.2.1", "Mozilla/5.0", b"other")).distinct_id
    assert one(SHORT).distinct_id == one({"n": "pageview", "u": "http://x.example/"}).distinct_id
    assert one(SHORT | {"d": None, "u": "http://[bad"}).distinct_id


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, Reason.MISSING_EVENT),
        (SHORT | {"n": 7}, Reason.MISSING_EVENT),
        (SHORT | {"n": "x" * 201}, Reason.TOO_LARGE),
        (SHORT | {"u": None}, Reason.BAD_PROPERTIES),
        (SHORT | {"u": ["http://x.example/"]}, Reason.BAD_PROPERTIES),
        (SHORT | {"p": "no JSON"}, Reason.BAD_PROPERTIES),
        (SHORT | {"p": "[1]"}, Reason.BAD_PROPERTIES),
        (SHORT | {"p": [1]}, Reason.BAD_PROPERTIES),
        (SHORT | {"$": {"amount": "much"}}, Reason.BAD_PROPERTIES),
        (SHORT | {"p": {"a": "x" * 1_000_000}}, Reason.TOO_LARGE),
    ],
)
def test_a_bad_event_is_refused(body, reason):
    reading = rules.read(body, now=NOW, sender=SENDER).at_once()
    assert (reading.messages, reading.problems[0].reason) == ((), reason)
    assert rules.answer(reading) == (400, {"errors": {"event": [reading.problems[0].detail]}})


@pytest.mark.parametrize("body", [None, 7, "x", [SHORT]])
def test_a_body_that_is_none(body):
    with pytest.raises(Unreadable):
        rules.read(body, now=NOW, sender=SENDER).at_once()


def test_an_event_is_answered_with_202():
    assert rules.answer(rules.read(SHORT, now=NOW, sender=SENDER).at_once()) == (202, "ok")


@pytest.mark.parametrize(
    ("body", "headers", "query", "key"),
    [
        (SHORT, {}, {"key": "K"}, "K"),
        (SHORT, {"authorization": "Bearer K"}, {}, "K"),
        (SHORT, {}, {}, "x.example"),
        (SHORT | {"d": " , y.example,x.example"}, {}, {}, "y.example"),
        ({"domain": ["x"]}, {}, {}, None),
        (7, {}, {}, None),
    ],
)
def test_the_key_is_in_the_address_or_the_domain(body, headers, query, key):
    assert rules.key_in(body, headers, query) == key


WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
NAMES = [*SHORT, *"mphi$e", "sd", "name", "url", "domain", "props", "revenue", "interactive"]
EVENTS = st.fixed_dictionaries(
    {"n": WORDS | JSON, "u": WORDS | JSON}, optional={name: JSON for name in NAMES if name not in ("n", "u")}
)


@given(JSON | EVENTS)
def test_any_body_is_read_or_unreadable(body):
    rules.key_in(body, {}, {})
    try:
        reading = rules.read(body, now=NOW, sender=SENDER).at_once()
    except Unreadable:
        return
    assert rules.answer(reading)[0] in (202, 400)
