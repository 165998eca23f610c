"""What PostHog's clients send, as recorded of the unmodified ones, and what they are answered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import Link, MessageKind, Reason, Unreadable
from opsloop_metrics.posthog import rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIBRARY = {"$lib": "posthog-python", "$lib_version": "7.91.1", "$geoip_disable": True, "$is_server": True}


def event(name="e1", **given):
    """An event as posthog-python writes it in v0."""
    return {
        "event": name,
        "distinct_id": "u1",
        "uuid": "352d27f4-ae10-4a7b-8641-b18a15cde42e",
        "timestamp": "2026-03-01T11:59:00.211878+00:00",
        "properties": LIBRARY,
    } | given


def batch(*rows, **given):
    envelope = {"historical_migration": False, "sent_at": "2026-03-01T12:00:00.5+00:00", "api_key": "phc_x"}
    return {"batch": list(rows)} | envelope | given


def one(row, **envelope):
    reading = rules.read(batch(row, **envelope), now=NOW).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def problem(row):
    reading = rules.read(batch(event("kept"), row), now=NOW).at_once()
    assert [message.event for _, message in reading.messages] == ["kept"]
    assert (reading.problems[0].index, reading.problems[0].raw) == (1, row)
    return reading.problems[0]


def test_a_capture_with_groups():
    message = one(event(properties=LIBRARY | {"a": 1, "$groups": {"company": "c1"}}))
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.TRACK, "e1", "u1")
    assert message.message_id == "352d27f4-ae10-4a7b-8641-b18a15cde42e"
    assert message.groups == {"company": "c1"}
    assert message.library == "posthog-python/7.91.1"
    assert message.properties["a"] == 1
    assert message.time == datetime(2026, 3, 1, 11, 59, 0, 211878, tzinfo=UTC)
    assert message.sent_at == NOW + timedelta(milliseconds=500)
    assert not message.personless
    assert not message.historical
    assert not message.is_identified, "a server may speak for somebody whom a browser names later"


def test_what_is_said_of_persons():
    message = one(event("$set", **{"$set": {"n": "x"}}))
    assert (message.kind, message.event, message.traits_set) == (MessageKind.IDENTIFY, "$identify", {"n": "x"})
    message = one(event("$set_once", **{"$set_once": {"f": 1}}))
    assert (message.kind, message.traits_set_once) == (MessageKind.IDENTIFY, {"f": 1})
    message = one(event("$set", properties={"$unset": ["old", " "], "$is_identified": True}))
    assert (message.traits_unset, message.is_identified) == (("old",), True)
    message = one(event("bought", properties={"$set": {"q": 1}, "$set_once": {"w": 2}, "x": 3}))
    assert (message.kind, message.traits_set, message.traits_set_once) == (MessageKind.TRACK, {"q": 1}, {"w": 2})
    assert message.properties == {"x": 3}


def test_a_group_that_a_server_describes_is_nobody_s():
    said = {"$group_type": "company", "$group_key": "c1", "$group_set": {"name": "C"}}
    message = one(
        event("$groupidentify", properties=LIBRARY | said, distinct_id="7dee404f-48c7-419f-8bd3-1b362fa61103")
    )
    assert (message.kind, message.event) == (MessageKind.GROUP, "$group")
    assert (message.groups, message.group_traits, message.personless) == ({"company": "c1"}, {"name": "C"}, True)
    message = one(event("$groupidentify", properties=said | {"$groups": {"company": "c1", "team": "t1"}}))
    assert (message.groups, message.personless) == ({"company": "c1", "team": "t1"}, False)


def test_an_alias_draws_the_previous_id_to_the_new_one():
    message = one(event("$create_alias", distinct_id="anon", properties={"distinct_id": "anon", "alias": "u1"}))
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.ALIAS, "$alias", "u1")
    assert (message.links, message.is_identified) == ((Link("anon", explicit=True),), True)
    message = one(event("$merge_dangerously", distinct_id="u1", properties={"alias": "u2"}))
    assert (message.distinct_id, message.links) == ("u1", (Link("u2", explicit=True),))


def test_nobody_is_counted_who_is_not_named():
    message = one(event(properties={"$process_person_profile": False}))
    assert message.personless
    assert one(event(distinct_id="$posthog_cookieless")).personless
    assert not one(event(properties={"$process_person_profile": True})).personless


ANONYMOUS = "01a21856-6883-7c2d-8cfe-c171cb8e29f2"
BROWSER = {
    "$current_url": "http://x.example/page?utm_source=mail",
    "$pathname": "/page",
    "$raw_user_agent": "Mozilla/5.0",
    "$browser_language": "zh-CN",
    "$lib": "web",
    "$lib_version": "1.449.2",
    "$insert_id": "bx7qrf7ap4vzii71",
    "$device_id": ANONYMOUS,
    "distinct_id": ANONYMOUS,
    "$referrer": "http://r.example/",
    "$session_id": "s1",
    "$window_id": "w1",
    "$is_identified": False,
    "$process_person_profile": False,
    "token": "phc_x",
    "title": "Page title",
    "$app_version": "3.1",
    "$ip": "192.0.2.1",
}


def test_a_browser_s_page():
    body = {
        "api_key": "phc_x",
        "batch": [{"uuid": "m1", "event": "$pageview", "properties": BROWSER, "timestamp": "2026-03-01T11:59:00.766Z"}],
        "sent_at": "2026-03-01T12:00:00.000Z",
    }
    message = rules.read(body, now=NOW).at_once().messages[0][1]
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.PAGE, "$pageview", ANONYMOUS)
    assert (message.url, message.referrer, message.title) == (
        "http://x.example/page?utm_source=mail",
        "http://r.example/",
        "Page title",
    )
    assert (message.ip, message.user_agent, message.locale) == ("192.0.2.1", "Mozilla/5.0", "zh-CN")
    assert (message.library, message.app_version, message.session_id) == ("web/1.449.2", "3.1", "s1")
    assert (message.personless, message.is_identified) == (True, False)
    assert "token" not in message.properties
    assert message.properties["$window_id"] == "w1"


def test_a_browser_that_came_from_nowhere():
    assert one(event(properties=BROWSER | {"$referrer": "$direct"})).referrer is None


def test_a_token_of_the_product_s_own_stays():
    assert one(event(properties={"token": "coin"})).properties == {"token": "coin"}


def test_a_browser_s_identify_says_who_it_was():
    said = BROWSER | {"distinct_id": "u1", "$user_id": "u1", "$anon_distinct_id": ANONYMOUS, "$is_identified": True}
    row = {
        "uuid": "m1",
        "event": "$identify",
        "properties": said,
        "$set": {"n": 1},
        "$set_once": {"$initial_host": "x"},
    }
    message = one(row)
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.IDENTIFY, "$identify", "u1")
    assert (message.is_identified, message.links) == (True, (Link(ANONYMOUS, explicit=False),))
    assert (message.traits_set, message.traits_set_once) == ({"n": 1}, {"$initial_host": "x"})
    assert one(event("after", properties=said)).is_identified
    assert one(event("after", properties=said)).links == ()
    assert one(row | {"properties": said | {"$anon_distinct_id": "null"}}).links == ()


@pytest.mark.parametrize(
    "body",
    [
        [event(), event()],
        event(),
        event(token="phc_x"),
        event(api_key="phc_x"),
        {"token": "phc_x", "batch": [event()]},
    ],
)
def test_old_clients_send_bare_events(body):
    reading = rules.read(body, now=NOW).at_once()
    assert {message.event for _, message in reading.messages} == {"e1"}
    assert reading.problems == ()


@pytest.mark.parametrize(
    ("row", "envelope", "query", "time", "sent_at"),
    [
        ({"timestamp": None}, {}, {}, None, NOW + timedelta(milliseconds=500)),
        ({"timestamp": None, "offset": 90_000}, {}, {}, NOW - timedelta(seconds=90), None),
        ({"timestamp": NOW.isoformat(), "offset": 90_000}, {}, {}, NOW, NOW + timedelta(milliseconds=500)),
        ({}, {"sent_at": None}, {"_": "1772366400000"}, NOW - timedelta(seconds=60), NOW),
        ({"sent_at": NOW.isoformat()}, {"sent_at": "soon"}, {}, NOW - timedelta(seconds=60), NOW),
        ({"properties": {"$ignore_sent_at": True}}, {}, {}, NOW - timedelta(seconds=60), None),
        ({}, {"sent_at": None}, {}, NOW - timedelta(seconds=60), None),
    ],
)
def test_times_are_by_the_client_s_clock(row, envelope, query, time, sent_at):
    given = event(timestamp="2026-03-01T11:59:00Z") | row
    message = rules.read(batch(given, **envelope), now=NOW, query=query).at_once().messages[0][1]
    assert (message.time, message.sent_at) == (time, sent_at)


def test_a_backfill_says_so():
    assert one(event(), historical_migration=True).historical
    assert not one(event(), historical_migration="yes").historical


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (7, Reason.NOT_AN_OBJECT),
        ([event()], Reason.NOT_AN_OBJECT),
        (event(None), Reason.MISSING_EVENT),
        (event(""), Reason.MISSING_EVENT),
        (event("x" * 201), Reason.TOO_LARGE),
        (event(distinct_id=None), Reason.MISSING_ID),
        (event(distinct_id={"id": 1}), Reason.BAD_ID),
        (event(distinct_id="x" * 201), Reason.TOO_LARGE),
        (event(properties=[]), Reason.BAD_PROPERTIES),
        (event(properties={"a": "x" * 1_000_000}), Reason.TOO_LARGE),
        (event(properties={"$groups": ["c1"]}), Reason.BAD_PROPERTIES),
        (event(timestamp="yesterday"), Reason.BAD_TIME),
        (event(timestamp=None, offset="90"), Reason.BAD_TIME),
        (event(timestamp=None, offset=1e300), Reason.BAD_TIME),
        (event("$set", **{"$set": ["n"]}), Reason.BAD_PROPERTIES),
        (event("$set", **{"$unset": {"n": 1}}), Reason.BAD_PROPERTIES),
        (event("$set", **{"$unset": [1]}), Reason.BAD_PROPERTIES),
        (event("$identify", distinct_id="null"), Reason.BAD_ID),
        (event("$identify", distinct_id="undefined", properties={"$anon_distinct_id": "a1"}), Reason.BAD_ID),
        (event("$set", distinct_id="guest"), Reason.BAD_ID),
        (event("$create_alias"), Reason.MISSING_ID),
        (event("$create_alias", properties={"alias": "null"}), Reason.BAD_ID),
        (event("$groupidentify"), Reason.MISSING_ID),
        (event("$groupidentify", properties={"$group_type": "company", "$group_key": "null"}), Reason.BAD_ID),
    ],
)
def test_a_bad_event_is_refused_alone(row, reason):
    assert problem(row).reason is reason


def test_a_track_of_nobody_stays_apart():
    message = one(event(distinct_id="null"))
    assert (message.distinct_id, message.is_identified, message.links) == ("null", False, ())


@pytest.mark.parametrize("body", [None, 7, "x", {"batch": None}, {"batch": {"event": "e"}}])
def test_a_body_that_is_none(body):
    with pytest.raises(Unreadable):
        rules.read(body, now=NOW).at_once()


HEADERS = {"authorization": "Bearer phc_x"}


@pytest.mark.parametrize(
    ("body", "headers", "query", "key"),
    [
        ({"api_key": "phc_x", "batch": []}, {}, {}, "phc_x"),
        ({"token": "phc_x", "batch": []}, {}, {}, "phc_x"),
        ({"batch": [{"properties": {"token": "phc_x"}}]}, {}, {}, "phc_x"),
        ({"batch": [{"api_key": "phc_x"}]}, {}, {}, "phc_x"),
        ([{"properties": {"token": "phc_x"}}], {}, {}, "phc_x"),
        ({"event": "e", "token": "phc_x"}, {}, {}, "phc_x"),
        ({"event": "e", "properties": {"token": "phc_x"}}, {}, {}, "phc_x"),
        ({"batch": []}, HEADERS, {}, "phc_x"),
        ({"api_key": "other", "batch": []}, HEADERS, {}, "phc_x"),
        ({"batch": []}, {}, {"token": "phc_x"}, "phc_x"),
        ({"batch": []}, {}, {"api_key": "phc_x"}, "phc_x"),
        ({"batch": [7], "api_key": 7, "properties": []}, {}, {}, None),
        ([], {}, {}, None),
        (7, {}, {}, None),
    ],
)
def test_the_key_has_many_places(body, headers, query, key):
    assert rules.key_in(body, headers, query) == key


def test_answers():
    assert rules.answer(rules.read(batch(event()), now=NOW).at_once()) == (200, {"status": 1})
    assert rules.answer(rules.read(batch(), now=NOW).at_once()) == (200, {"status": 1})
    status, body = rules.answer(rules.read(batch(event(), event("")), now=NOW).at_once())
    assert (status, body["status"], body["rejected"][0]["index"]) == (200, 1, 1)
    status, body = rules.answer(rules.read(batch(event("")), now=NOW).at_once())
    assert (status, body["code"], body["detail"]) == (
        400,
        "missing_event",
        "event has to be a text that says something",
    )
    assert rules.refusal("authentication", "no key")["detail"] == "no key"


def test_what_the_browser_asks_for_besides():
    assert rules.flags("r1") == {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
        "requestId": "r1",
    }
    assert rules.flags("r1", {"f": {"enabled": True}})["flags"] == {"f": {"enabled": True}}
    assert rules.config("phc_x")["token"] == "phc_x"
    assert "gzip-js" in rules.config("phc_x")["supportedCompression"]


WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
SAID = [
    *BROWSER,
    *rules.SAID_OF_PERSONS,
    "$groups",
    "$group_type",
    "$group_key",
    "$group_set",
    "alias",
    "$ignore_sent_at",
]
PROPERTIES = st.dictionaries(st.sampled_from([*SAID, "$anon_distinct_id"]), JSON)
ROWS = st.fixed_dictionaries(
    {"event": st.sampled_from(sorted(rules.KINDS)) | JSON},
    optional=dict.fromkeys(("uuid", "timestamp", "offset", "sent_at", "token", "options", "session_id", "$set"), JSON)
    | {"distinct_id": WORDS | JSON, "properties": PROPERTIES | JSON},
)


@given(JSON | ROWS | st.fixed_dictionaries({"batch": st.lists(ROWS | JSON, max_size=3)}, optional={"sent_at": JSON}))
def test_any_body_is_read_or_unreadable(body):
    rules.key_in(body, {}, {})
    for read in (rules.read, rules.read_v1):
        try:
            reading = read(body, now=NOW).at_once()
        except Unreadable:
            continue
        assert rules.answer(reading)[0] in (200, 400)
        assert rules.answer_v1(reading)[0] == 200
