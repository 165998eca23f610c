"""What Segment's clients send, as recorded of the unmodified ones, and what they are answered."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import Link, MessageKind, Reading, Reason, Unreadable, corrected
from opsloop_metrics.segment import rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIBRARY = {"library": {"name": "analytics-python", "version": "2.4.0"}}


def row(type, **given):
    """A message as analytics-python writes it: every one has both ids, null where it was not told."""
    return {
        "type": type,
        "messageId": "m1",
        "timestamp": "2026-03-01T11:59:00.000+00:00",
        "userId": "u1",
        "anonymousId": None,
        "integrations": {},
        "context": LIBRARY,
    } | given


def batch(*rows, **given):
    return {"batch": list(rows), "sentAt": "2026-03-01T12:00:00.123456+00:00", "writeKey": "WK"} | given


def one(given, **envelope):
    reading = rules.read(batch(given, **envelope), now=NOW).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def problem(given):
    reading = rules.read(batch(row("track", event="kept"), given), now=NOW).at_once()
    assert [message.event for _, message in reading.messages] == ["kept"]
    assert reading.problems[0].index == 1
    assert reading.problems[0].raw == given
    return reading.problems[0]


def test_a_batch_of_all_six():
    body = batch(
        row("identify", traits={"email": "a@example.org", "plan": "pro"}, messageId="m0"),
        row("track", event="Signed Up", properties={"amount": 3}, messageId="m1"),
        row("alias", previousId="anon-1", messageId="m2"),
        row("group", groupId="g1", traits={"name": "G"}, messageId="m3"),
        row("page", name="Home", category="Docs", properties={"url": "http://x.example/"}, messageId="m4"),
        row("screen", name=None, category="Main", properties={}, messageId="m5"),
    )
    reading = rules.read(body, now=NOW).at_once()
    assert reading.problems == ()
    found = [message for _, message in reading.messages]
    assert [(each.kind, each.event, each.distinct_id, each.message_id) for each in found] == [
        (MessageKind.IDENTIFY, "$identify", "u1", "m0"),
        (MessageKind.TRACK, "Signed Up", "u1", "m1"),
        (MessageKind.ALIAS, "$alias", "u1", "m2"),
        (MessageKind.GROUP, "$group", "u1", "m3"),
        (MessageKind.PAGE, "$pageview", "u1", "m4"),
        (MessageKind.SCREEN, "$screen", "u1", "m5"),
    ]
    assert all(each.is_identified for each in found)
    assert {each.library for each in found} == {"analytics-python/2.4.0"}
    assert found[0].traits_set == {"email": "a@example.org", "plan": "pro"}
    assert found[1].properties == {"amount": 3}
    assert found[2].links == (Link("anon-1", explicit=True),)
    assert (found[3].groups, found[3].group_traits, found[3].traits_set) == ({"group": "g1"}, {"name": "G"}, {})
    assert found[4].properties == {"url": "http://x.example/", "name": "Home", "category": "Docs"}
    assert found[4].url == "http://x.example/"
    assert found[5].properties == {"category": "Main"}
    assert found[1].time == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert found[1].sent_at == datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


BROWSER = {
    "page": {"path": "/p", "referrer": "http://r.example/", "search": "", "title": "Page", "url": "http://x.example/p"},
    "userAgent": "Mozilla/5.0",
    "userAgentData": {"mobile": False},
    "locale": "zh-CN",
    "library": {"name": "analytics.js", "version": "next-1.84.3"},
    "timezone": "Asia/Shanghai",
    "campaign": {"name": "spring", "source": "mail", "medium": None, "other": "x"},
    "app": {"version": "1.2"},
    "ip": "192.0.2.1",
    "sessionId": 1795704593562,
    "groupId": "g1",
}


def test_a_browser_tells_where_it_is():
    said = row("track", event="Ev", properties={"a": 1}, anonymousId="a1", context=BROWSER)
    reading = rules.read(
        said | {"sentAt": "2026-03-01T12:00:01Z", "writeKey": "WK"}, now=NOW, kind=MessageKind.TRACK
    ).at_once()
    message = reading.messages[0][1]
    assert (message.distinct_id, message.links) == ("u1", (Link("a1", explicit=False),))
    assert (message.url, message.referrer, message.title) == ("http://x.example/p", "http://r.example/", "Page")
    assert (message.ip, message.user_agent, message.locale) == ("192.0.2.1", "Mozilla/5.0", "zh-CN")
    assert (message.library, message.app_version) == ("analytics.js/next-1.84.3", "1.2")
    assert (message.session_id, message.groups) == ("1795704593562", {"group": "g1"})
    assert message.sent_at == NOW + timedelta(seconds=1)
    assert message.properties == {
        "a": 1,
        "utm_campaign": "spring",
        "utm_source": "mail",
        "$context": {"timezone": "Asia/Shanghai", "app": {"version": "1.2"}, "sessionId": 1795704593562},
    }


def test_a_page_s_own_properties_go_first():
    given = {"url": "http://own.example/", "title": "Own", "referrer": "http://ref.example/", "name": "Kept"}
    message = one(row("page", name="Home", properties=given, context=BROWSER | {"campaign": "none"}))
    assert (message.url, message.title, message.referrer) == ("http://own.example/", "Own", "http://ref.example/")
    assert message.properties["name"] == "Kept"


def test_a_screen_is_titled_by_its_name():
    assert one(row("screen", name="Main")).title == "Main"
    assert one(row("page", name="Main")).title is None


@pytest.mark.parametrize(
    ("letter", "kind"), [("t", MessageKind.TRACK), ("track", MessageKind.TRACK), ("i", "identify")]
)
def test_the_path_says_the_kind(letter, kind):
    """The plain HTTP API has no type in the body of `/v1/track`."""
    given = {"event": "Ev", "userId": "u1"}
    reading = rules.read(given, now=NOW, kind=rules.KINDS[letter]).at_once()
    assert [message.kind for _, message in reading.messages] == [kind]


def test_every_kind_has_a_letter_and_a_word():
    assert sorted(rules.KINDS) == sorted(
        ["t", "i", "p", "s", "g", "a", "track", "identify", "page", "screen", "group", "alias"]
    )


def test_a_context_of_the_batch_is_everybody_s():
    message = one(row("track", event="Ev", context={"locale": "de"}), context=LIBRARY | {"locale": "en"})
    assert (message.library, message.locale) == ("analytics-python/2.4.0", "de")


def test_rudderstack_has_traits_in_the_context():
    message = one(row("identify", context=LIBRARY | {"traits": {"plan": "pro", "a": 1}}, channel="server"))
    assert message.traits_set == {"plan": "pro", "a": 1}
    message = one(row("identify", context={"traits": {"plan": "old", "a": 1}}, traits={"plan": "pro"}))
    assert message.traits_set == {"plan": "pro", "a": 1}
    message = one(row("track", event="Ev", context={"traits": {"plan": "pro"}}))
    assert (message.traits_set, message.properties) == ({}, {"$context": {"traits": {"plan": "pro"}}})


@pytest.mark.parametrize(
    ("ids", "distinct_id", "is_identified", "links"),
    [
        ({"userId": "u1"}, "u1", True, ()),
        ({"userId": 17}, "17", True, ()),
        ({"userId": None, "anonymousId": "a1"}, "a1", False, ()),
        ({"userId": "", "anonymousId": "a1"}, "a1", False, ()),
        ({"userId": "u1", "anonymousId": "a1"}, "u1", True, (Link("a1", False),)),
        ({"userId": "undefined", "anonymousId": "a1"}, "a1", False, ()),
        ({"userId": "null"}, "null", False, ()),
        ({"userId": "用户", "anonymousId": "null"}, "用户", True, ()),
    ],
)
def test_who_speaks(ids, distinct_id, is_identified, links):
    message = one(row("track", event="Ev", **ids))
    assert (message.distinct_id, message.is_identified, message.links) == (distinct_id, is_identified, links)


def test_an_alias_to_oneself_claims_nothing():
    """analytics.js sends this where its own id has been overtaken by an identify."""
    assert one(row("alias", previousId="u1", anonymousId="a1")).links == ()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (7, Reason.NOT_AN_OBJECT),
        ([], Reason.NOT_AN_OBJECT),
        (None, Reason.NOT_AN_OBJECT),
        (row("order"), Reason.UNKNOWN_TYPE),
        (row("t", event="Ev"), Reason.UNKNOWN_TYPE),
        (row(["track"]), Reason.UNKNOWN_TYPE),
        (row(None), Reason.UNKNOWN_TYPE),
        (row("track"), Reason.MISSING_EVENT),
        (row("track", event=7), Reason.MISSING_EVENT),
        (row("track", event="x" * 201), Reason.TOO_LARGE),
        (row("track", event="Ev", userId=None), Reason.MISSING_ID),
        (row("track", event="Ev", userId={"id": 1}), Reason.BAD_ID),
        (row("track", event="Ev", userId="x" * 201), Reason.TOO_LARGE),
        (row("track", event="Ev", messageId="x" * 201), Reason.TOO_LARGE),
        (row("track", event="Ev", properties=[]), Reason.BAD_PROPERTIES),
        (row("track", event="Ev", context="web"), Reason.BAD_PROPERTIES),
        (row("track", event="Ev", timestamp="yesterday"), Reason.BAD_TIME),
        (row("track", event="Ev", properties={"a": "x" * 1_000_000}), Reason.TOO_LARGE),
        (row("identify", traits="pro"), Reason.BAD_PROPERTIES),
        (row("identify", userId="null", anonymousId="a1"), Reason.BAD_ID),
        (row("alias"), Reason.MISSING_ID),
        (row("alias", previousId="undefined"), Reason.BAD_ID),
        (row("alias", previousId="a1", userId="anonymous"), Reason.BAD_ID),
        (row("group"), Reason.MISSING_ID),
        (row("group", groupId="null"), Reason.BAD_ID),
        (row("group", groupId=["g1"]), Reason.BAD_ID),
    ],
)
def test_a_bad_message_is_refused_alone(given, reason):
    assert problem(given).reason is reason


def test_a_problem_names_its_message():
    assert problem(row("track", messageId="m7")).message_id == "m7"


@pytest.mark.parametrize("body", [None, 7, "x", [], [row("track", event="Ev")], {}, {"batch": None}, {"batch": {}}])
def test_a_body_that_is_no_batch(body):
    with pytest.raises(Unreadable):
        rules.read(body, now=NOW).at_once()


def test_a_name_that_many_messages_have_is_none():
    assert one(row("track", event="Ev", messageId="undefined")).message_id is None
    assert one(row("track", event="Ev", messageId=None)).message_id is None


def test_a_clock_three_hours_ahead():
    ahead = {"timestamp": "2026-03-01T14:59:00Z", "sentAt": "2026-03-01T15:00:00Z"}
    message = one(row("track", event="Ev", **ahead))
    assert corrected(message, NOW) == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("times", "time", "sent_at"),
    [
        ({"timestamp": None}, None, datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        # the browser client of RudderStack has both in the message
        (
            {"originalTimestamp": "2026-03-01T10:00:00Z", "sentAt": "2026-03-01T11:00:00Z"},
            NOW - timedelta(hours=2),
            NOW - timedelta(hours=1),
        ),
        # handed on by a pipeline that corrected it when it received it
        (
            {
                "originalTimestamp": "2026-03-01T10:00:00Z",
                "timestamp": "2026-03-01T09:00:00Z",
                "receivedAt": "2026-03-01T09:00:01Z",
            },
            NOW - timedelta(hours=3),
            None,
        ),
        ({"sentAt": "soon"}, NOW - timedelta(minutes=1), datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_times_are_by_the_client_s_clock(times, time, sent_at):
    message = one(row("track", event="Ev", **times))
    assert (message.time, message.sent_at) == (time, sent_at)


def test_tests_say_so():
    assert one(row("track", event="Ev", properties={"is_test": True})).is_test
    assert one(row("track", event="Ev", context={"traits": {"is_test": True}})).is_test
    assert not one(row("track", event="Ev", properties={"is_test": "false"})).is_test


BASIC = {"authorization": "Basic " + base64.b64encode(b"HEADER:").decode()}


@pytest.mark.parametrize(
    ("body", "headers", "query", "key"),
    [
        ({"writeKey": "BODY"}, BASIC, {}, "HEADER"),
        ({"batch": []}, BASIC, {}, "HEADER"),
        ({"writeKey": "BODY"}, {}, {}, "BODY"),
        ({"writeKey": "BODY"}, {"authorization": "Basic ???"}, {}, "BODY"),
        ({}, {"authorization": "Bearer TOKEN"}, {}, "TOKEN"),
        ({}, {}, {"writeKey": "QUERY"}, "QUERY"),
        ({"writeKey": 7}, {}, {}, None),
        ([], {}, {}, None),
    ],
)
def test_the_key_is_in_the_header_or_the_body(body, headers, query, key):
    assert rules.key_in(body, headers, query) == key


def test_answers():
    good, bad = row("track", event="Ev"), row("order", messageId="m9")
    assert rules.answer(rules.read(batch(good), now=NOW).at_once()) == (200, {"success": True})
    assert rules.answer(Reading()) == (200, {"success": True})
    rejected = {"index": 1, "message_id": "m9", "reason": "unknown_type"}
    status, body = rules.answer(rules.read(batch(good, bad), now=NOW).at_once())
    assert (status, body["success"]) == (200, True)
    assert rejected.items() <= body["rejected"][0].items()
    status, body = rules.answer(rules.read(batch(bad), now=NOW).at_once())
    assert (status, body["code"]) == (400, "unknown_type")
    assert "type has to be" in body["message"]
    assert rules.refusal("unauthorized", "no key") == {"code": "unauthorized", "message": "no key"}


def test_settings_send_to_us_alone():
    found = rules.settings("WK", "ops.example/api/metrics/v1", "https")
    assert found["integrations"] == {
        "Segment.io": {"apiKey": "WK", "apiHost": "ops.example/api/metrics/v1", "protocol": "https"}
    }


WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
NAMES = ["userId", "anonymousId", "previousId", "groupId", "event", "name", "messageId", "timestamp", "originalTimestamp",
         "receivedAt", "sentAt", "properties", "traits", "context"]  # fmt: skip
CONTEXTS = st.dictionaries(st.sampled_from([*BROWSER, "traits"]), JSON)
ROWS = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(rules.KINDS)) | JSON},
    optional=dict.fromkeys(NAMES, JSON) | {"context": CONTEXTS | JSON},
)


@given(
    JSON
    | st.fixed_dictionaries({"batch": st.lists(ROWS | JSON, max_size=3)}, optional={"sentAt": JSON, "context": JSON})
)
def test_any_body_is_read_or_unreadable(body):
    try:
        reading = rules.read(body, now=NOW).at_once()
    except Unreadable:
        return
    rules.key_in(body, {}, {})
    assert len(reading.messages) + len(reading.problems) == len(body["batch"])
    assert rules.answer(reading)[0] in (200, 400)
