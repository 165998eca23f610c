"""What a server sends by GA4's measurement protocol, as Google documents it, and what it is answered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import Link, MessageKind, Reading, Reason, Unreadable
from opsloop_metrics.google import rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sent(*events, **given):
    return {"client_id": "123.456", "events": list(events)} | given


def one(event, **given):
    reading = rules.read(sent(event, **given), now=NOW).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def test_an_event():
    params = {"currency": "EUR", "value": 9.9, "session_id": 123, "items": [{"item_id": "S1"}]}
    message = one({"name": "purchase", "params": params}, timestamp_micros=1772366340000000)
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.TRACK, "purchase", "123.456")
    assert (message.properties, message.session_id) == (params, "123")
    assert (message.message_id, message.is_identified, message.is_test) == (None, False, False)
    assert message.time == NOW - timedelta(minutes=1)
    assert message.library == "measurement-protocol"


def test_an_event_has_its_own_time():
    event = {"name": "e", "timestamp_micros": "1772366400000000"}
    assert one(event, timestamp_micros=1772366340000000).time == NOW
    assert one({"name": "e"}).time is None


def test_a_page():
    params = {
        "page_location": "http://x.example/",
        "page_referrer": "http://r.example/",
        "page_title": "Page",
        "language": "de",
    }
    message = one({"name": "page_view", "params": params}, ip_override="192.0.2.1", user_agent="Mozilla/5.0")
    assert (message.kind, message.event) == (MessageKind.PAGE, "$pageview")
    assert (message.url, message.referrer, message.title) == ("http://x.example/", "http://r.example/", "Page")
    assert (message.ip, message.user_agent, message.locale) == ("192.0.2.1", "Mozilla/5.0", "de")
    message = one({"name": "screen_view", "params": {"screen_name": "Main", "app_version": "1.2"}})
    assert (message.kind, message.event, message.title) == (MessageKind.SCREEN, "$screen", "Main")
    assert message.app_version == "1.2"


def test_who_speaks():
    message = one({"name": "e"}, user_id="u1", user_properties={"plan": {"value": "pro"}, "bad": 7})
    assert (message.distinct_id, message.is_identified, message.links) == ("u1", True, (Link("123.456", False),))
    assert message.traits_set == {"plan": "pro"}
    assert one({"name": "e"}, client_id=None, app_instance_id="app1").distinct_id == "app1"
    assert one({"name": "e"}, user_id="null").distinct_id == "123.456"


@pytest.mark.parametrize("debug", [True, 1, "1", "true"])
def test_debugging_is_a_test(debug):
    assert one({"name": "e", "params": {"debug_mode": debug}}).is_test


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (7, Reason.NOT_AN_OBJECT),
        ({}, Reason.MISSING_EVENT),
        ({"name": "x" * 201}, Reason.TOO_LARGE),
        ({"name": "e", "params": []}, Reason.BAD_PROPERTIES),
        ({"name": "e", "timestamp_micros": "soon"}, Reason.BAD_TIME),
    ],
)
def test_a_bad_event_is_refused_alone(event, reason):
    reading = rules.read(sent({"name": "kept"}, event), now=NOW).at_once()
    assert [message.event for _, message in reading.messages] == ["kept"]
    assert (reading.problems[0].reason, reading.problems[0].raw) == (reason, event)
    said = rules.validation(reading)["validationMessages"]
    assert (said[0]["fieldPath"], said[0]["validationCode"]) == ("events[1]", str(reason).upper())


@pytest.mark.parametrize("given", [{"client_id": None}, {"client_id": []}, {"user_properties": []}])
def test_what_is_wrong_with_the_visitor_refuses_each_event(given):
    reading = rules.read(sent({"name": "a"}, {"name": "b"}, **given), now=NOW).at_once()
    assert (len(reading.messages), len(reading.problems)) == (0, 2)


@pytest.mark.parametrize("body", [None, 7, "x", [], {}, {"events": {}}])
def test_a_body_that_is_none(body):
    with pytest.raises(Unreadable):
        rules.read(body, now=NOW).at_once()


def test_the_key_is_in_the_address():
    assert rules.key_in({}, {}, {"api_secret": "S", "measurement_id": "G-1"}) == "S"
    assert rules.key_in({}, {}, {"api_secret": ""}) is None


def test_answers_are_empty():
    assert rules.ACCEPTED == 204
    assert rules.validation(Reading()) == {"validationMessages": []}


WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
EVENTS = st.fixed_dictionaries({"name": WORDS | JSON}, optional={"params": JSON, "timestamp_micros": JSON})
NAMES = ["client_id", "app_instance_id", "user_id", "user_properties", "timestamp_micros", "ip_override", "user_agent"]
BODIES = st.fixed_dictionaries({"events": st.lists(EVENTS | JSON, max_size=3)}, optional=dict.fromkeys(NAMES, JSON))


@given(JSON | BODIES)
def test_any_body_is_read_or_unreadable(body):
    try:
        reading = rules.read(body, now=NOW).at_once()
    except Unreadable:
        return
    assert len(reading.messages) + len(reading.problems) == len(body["events"])
    rules.validation(reading)
