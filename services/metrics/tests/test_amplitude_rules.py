"""What Amplitude's clients send, as recorded of the unmodified ones, and what they are answered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.amplitude import rules
from opsloop_metrics.capture.rules import Link, MessageKind, Reading, Reason, Unreadable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(type="Ev", **given):
    """An event as the Python client writes it."""
    return {
        "event_type": type,
        "user_id": "user-1",
        "insert_id": "i1",
        "library": "amplitude-python/1.3.0",
        "time": 1772366340123,
    } | given


def sent(*events, **given):
    return {"api_key": "AK", "events": list(events)} | given


def one(row, **given):
    reading = rules.read(sent(row, **given), now=NOW).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def test_an_event_of_a_server():
    message = one(
        event(device_id="device-1", event_properties={"k": 1}, groups={"company": "c"}, price=3.5, productId="p")
    )
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.TRACK, "Ev", "user-1")
    assert (message.is_identified, message.links) == (True, (Link("device-1", False),))
    assert (message.message_id, message.library) == ("i1", "amplitude-python/1.3.0")
    assert (message.properties, message.groups) == ({"k": 1, "price": 3.5, "productId": "p"}, {"company": "c"})
    assert message.time == NOW - timedelta(seconds=60) + timedelta(milliseconds=123)
    assert (message.sent_at, message.ip, message.session_id) == (None, None, None)


PAGE = {
    "device_id": "d1",
    "user_id": None,
    "session_id": 1795704593562,
    "platform": "Web",
    "language": "zh-CN",
    "ip": "$remote",
    "user_agent": "Mozilla/5.0",
    "library": "amplitude-ts-sdk-script/2.48.1",
    "app_version": "1.2",
    "event_properties": {
        "[Amplitude] Page Title": "Page",
        "[Amplitude] Page URL": "http://x.example/page",
        "[Amplitude] Page Location": "http://x.example/page?a=1",
        "referrer": "http://r.example/",
        "platform": "own",
    },
}


def test_a_browser_s_page():
    message = one(event("[Amplitude] Page Viewed", **PAGE), client_upload_time="2026-03-01T12:00:00.772Z", options={})
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.PAGE, "$pageview", "d1")
    assert (message.url, message.title, message.referrer) == ("http://x.example/page", "Page", "http://r.example/")
    assert (message.ip, message.user_agent, message.locale) == (None, "Mozilla/5.0", "zh-CN")
    assert (message.session_id, message.app_version, message.is_identified) == ("1795704593562", "1.2", False)
    assert message.sent_at == NOW + timedelta(milliseconds=772)
    assert message.properties["platform"] == "own"


def test_small_things():
    assert one(event(ip="192.0.2.1")).ip == "192.0.2.1"
    assert one(event(session_id=-1)).session_id is None
    assert one(event(session_id="s1")).session_id == "s1"
    assert one(event(platform="Web")).properties == {"platform": "Web"}
    assert one(event(event_properties={"[Amplitude] Page Location": "http://x.example/"})).url == "http://x.example/"
    assert one(event(event_properties={"is_test": True})).is_test
    assert one(event(user_properties={"plan": "pro"})).traits_set == {"plan": "pro"}
    assert rules.read({"events": event()}, now=NOW).at_once().messages[0][1].event == "Ev"


def test_an_identify():
    said = {"$add": {"n": 2}, "$set": {"plan": "pro"}, "$setOnce": {"first": 1}, "$unset": {"old": "-"}, "own": 1}
    message = one(event("$identify", user_properties=said))
    assert (message.kind, message.event) == (MessageKind.IDENTIFY, "$identify")
    assert (message.traits_set, message.traits_set_once) == ({"plan": "pro", "own": 1}, {"first": 1})
    assert message.traits_unset == ("old",)


def test_a_group_that_a_server_describes_is_nobody_s():
    row = event("$groupidentify", user_id=None, groups={"company": "c1"}, group_properties={"$set": {"name": "C"}})
    message = one(row)
    assert (message.kind, message.groups, message.group_traits) == (MessageKind.GROUP, {"company": "c1"}, {"name": "C"})
    assert (message.distinct_id, message.personless) == ("$group:company:c1", True)
    message = one(row | {"user_id": "user-1"})
    assert (message.distinct_id, message.personless) == ("user-1", False)


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        (7, Reason.NOT_AN_OBJECT, "user_id"),
        (event(None), Reason.MISSING_EVENT, "event_type"),
        (event("x" * 201), Reason.TOO_LARGE, "user_id"),
        (event(user_id=None), Reason.MISSING_ID, "user_id"),
        (event(user_id=[]), Reason.BAD_ID, "user_id"),
        (event(time="soon"), Reason.BAD_TIME, "time"),
        (event(event_properties=[]), Reason.BAD_PROPERTIES, "event_properties"),
        (event(groups=["c1"]), Reason.BAD_PROPERTIES, "event_properties"),
        (event(user_properties={"$set": 1}), Reason.BAD_PROPERTIES, "event_properties"),
        (event(user_properties={"$unset": ["old"]}), Reason.BAD_PROPERTIES, "event_properties"),
        (event("$identify", user_id="null"), Reason.BAD_ID, "user_id"),
        (event("$groupidentify"), Reason.MISSING_ID, "user_id"),
    ],
)
def test_a_bad_event_is_refused_alone(row, reason, field):
    reading = rules.read(sent(event(), row), now=NOW).at_once()
    assert [index for index, _ in reading.messages] == [0]
    assert (reading.problems[0].index, reading.problems[0].reason, reading.problems[0].raw) == (1, reason, row)
    status, body = rules.answer(rules.read(sent(row, row), now=NOW).at_once(), now=NOW, size=100)
    assert (status, body["code"], body["events_with_invalid_fields"]) == (400, 400, {field: [0, 1]})


@pytest.mark.parametrize("body", [None, 7, "x", [event()], {}, {"events": None}, {"events": "x"}])
def test_a_body_that_is_none(body):
    with pytest.raises(Unreadable):
        rules.read(body, now=NOW).at_once()


@pytest.mark.parametrize(
    ("body", "headers", "query", "key"),
    [
        (sent(), {}, {}, "AK"),
        ({}, {"authorization": "Bearer K"}, {}, "K"),
        ([], {}, {"api_key": "Q"}, "Q"),
        ({"api_key": 7}, {}, {}, None),
    ],
)
def test_the_key_is_in_the_body(body, headers, query, key):
    assert rules.key_in(body, headers, query) == key


def test_answers():
    taken = {"code": 200, "events_ingested": 1, "payload_size_bytes": 100, "server_upload_time": 1772366400000}
    assert rules.answer(rules.read(sent(event()), now=NOW).at_once(), now=NOW, size=100) == (200, taken)
    status, body = rules.answer(rules.read(sent(event(), 7), now=NOW).at_once(), now=NOW, size=100)
    assert (status, body["code"], body["rejected"][0]["index"]) == (200, 200, 1)
    assert rules.answer(Reading(), now=NOW, size=2)[0] == 200
    assert rules.refusal(400, "Invalid API key: K") == {"code": 400, "error": "Invalid API key: K"}


WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
NAMES = [*list(event())[1:], *PAGE, *rules.BESIDE, "user_properties", "group_properties", "groups"]
SAID = st.dictionaries(st.sampled_from(["$set", "$setOnce", "$unset", "$add", "own"]), JSON)
EVENTS = st.fixed_dictionaries(
    {"event_type": st.sampled_from(sorted(rules.KINDS)) | JSON},
    optional=dict.fromkeys(NAMES, JSON) | {"user_id": WORDS, "user_properties": SAID | JSON, "groups": SAID},
)


@given(
    JSON | st.fixed_dictionaries({"events": st.lists(EVENTS | JSON, max_size=3)}, optional={"client_upload_time": JSON})
)
def test_any_body_is_read_or_unreadable(body):
    rules.key_in(body, {}, {})
    try:
        reading = rules.read(body, now=NOW).at_once()
    except Unreadable:
        return
    assert rules.answer(reading, now=NOW, size=1)[0] in (200, 400)
