"""What Mixpanel's clients send, as recorded of the unmodified ones, and what they are answered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import Link, MessageKind, Reading, Reason, Unreadable
from opsloop_metrics.mixpanel import rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVER = {"token": "TOK", "time": 1772366340.5, "$insert_id": "i1", "mp_lib": "python", "$lib_version": "5.4.1"}
BROWSER = {
    "token": "TOK",
    "time": 1772366340.5,
    "$insert_id": "i1",
    "mp_lib": "web",
    "$lib_version": "2.83.0",
    "$current_url": "http://x.example/page",
    "$referrer": "http://r.example/",
    "$browser": "Chrome",
    "$device_id": "d1",
    "distinct_id": "$device:d1",
    "current_page_title": "Page",
}


def event(name="Ev", **properties):
    return {"event": name, "properties": SERVER | {"distinct_id": "u1"} | properties}


def one(row, **given):
    reading = rules.read(row, now=NOW, **given).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def profile(row):
    reading = rules.read_profiles([row], now=NOW).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def test_an_event_of_a_server():
    message = one(event(x=1))
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.TRACK, "Ev", "u1")
    assert (message.message_id, message.library, message.is_identified) == ("i1", "python/5.4.1", False)
    assert message.time == NOW - timedelta(seconds=59.5)
    assert message.properties == {
        "x": 1,
        "time": 1772366340.5,
        "$insert_id": "i1",
        "mp_lib": "python",
        "$lib_version": "5.4.1",
        "distinct_id": "u1",
    }
    assert not message.historical
    assert one(event(), historical=True).historical
    assert one(event(time=1772366340500)).time == NOW - timedelta(seconds=59.5)
    assert one(event(ip="192.0.2.1")).ip == "192.0.2.1"
    assert one(event(ip="0")).ip is None


def test_a_browser_without_a_user():
    message = one([{"event": "$mp_web_page_view", "properties": BROWSER}])
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.PAGE, "$pageview", "$device:d1")
    assert (message.url, message.referrer, message.title) == ("http://x.example/page", "http://r.example/", "Page")
    assert (message.is_identified, message.links) == (False, ())
    assert one({"event": "Ev", "properties": BROWSER | {"$referrer": "$direct"}}).referrer is None


@pytest.mark.parametrize(
    ("ids", "distinct_id", "is_identified", "links"),
    [
        ({"$user_id": "u1", "$device_id": "d1", "distinct_id": "u1"}, "u1", True, (Link("$device:d1", False),)),
        ({"$user_id": "u1", "$device_id": "$device:d1"}, "u1", True, (Link("$device:d1", False),)),
        ({"$user_id": "u1"}, "u1", True, ()),
        ({"$user_id": "null", "$device_id": "d1"}, "$device:d1", False, ()),
        ({"$device_id": "d1", "distinct_id": None}, "$device:d1", False, ()),
        ({"$user_id": "u1", "$device_id": "undefined"}, "u1", True, ()),
    ],
)
def test_a_user_and_a_device_are_one(ids, distinct_id, is_identified, links):
    message = one(event(**ids))
    assert (message.distinct_id, message.is_identified, message.links) == (distinct_id, is_identified, links)


@pytest.mark.parametrize(
    ("name", "ids", "distinct_id", "links"),
    [
        ("$identify", {"$anon_distinct_id": "$device:d1"}, "u1", (Link("$device:d1", False),)),
        ("$identify", {"$identified_id": "u2", "$anon_id": "a1"}, "u2", (Link("a1", False),)),
        ("$identify", {}, "u1", ()),
        ("$create_alias", {"alias": "u7"}, "u7", (Link("u1", True),)),
        ("$merge", {"$distinct_ids": ["u1", "u2"]}, "u1", (Link("u2", True),)),
    ],
)
def test_who_somebody_was(name, ids, distinct_id, links):
    message = one(event(name, **ids))
    assert (message.distinct_id, message.links, message.is_identified) == (distinct_id, links, True)
    assert message.kind is (MessageKind.IDENTIFY if name == "$identify" else MessageKind.ALIAS)


def test_what_is_said_of_people():
    message = profile({"$token": "TOK", "$time": 1772366340, "$distinct_id": "u1", "$set": {"a": 1}, "$ip": "0"})
    assert (message.kind, message.event, message.distinct_id) == (MessageKind.IDENTIFY, "$identify", "u1")
    assert (message.traits_set, message.ip, message.time) == ({"a": 1}, None, NOW - timedelta(minutes=1))
    message = profile({"$distinct_id": "u1", "$device_id": "d1", "$user_id": "u1", "$set_once": {"q": 1}})
    assert (message.traits_set_once, message.links) == ({"q": 1}, (Link("$device:d1", False),))
    assert profile({"$distinct_id": "u1", "$unset": ["z", 7]}).traits_unset == ("z",)
    message = profile({"$distinct_id": "u1", "$add": {"n": 1}, "$append": {"l": 2}})
    assert (message.traits_set, message.properties) == ({}, {"$add": {"n": 1}, "$append": {"l": 2}})


def test_what_is_said_of_groups():
    row = {
        "$token": "TOK",
        "$group_key": "company",
        "$group_id": 7,
        "$set": {"name": "C"},
        "$set_once": {"name": "B", "f": 1},
    }
    message = rules.read_groups(row, now=NOW).at_once().messages[0][1]
    assert (message.kind, message.groups) == (MessageKind.GROUP, {"company": "7"})
    assert (message.group_traits, message.personless) == ({"name": "C", "f": 1}, True)
    assert message.distinct_id == "$group:company:7"


@pytest.mark.parametrize(
    ("read", "row", "reason"),
    [
        (rules.read, 7, Reason.NOT_AN_OBJECT),
        (rules.read, {"properties": {}}, Reason.MISSING_EVENT),
        (rules.read, event("x" * 201), Reason.TOO_LARGE),
        (rules.read, event(distinct_id=None), Reason.MISSING_ID),
        (rules.read, event(distinct_id=[]), Reason.BAD_ID),
        (rules.read, event(time="soon"), Reason.BAD_TIME),
        (rules.read, {"event": "Ev", "properties": []}, Reason.BAD_PROPERTIES),
        (rules.read, event("$identify", distinct_id="null"), Reason.BAD_ID),
        (rules.read, event("$create_alias"), Reason.MISSING_ID),
        (rules.read, event("$create_alias", alias="null"), Reason.BAD_ID),
        (rules.read, event("$merge"), Reason.MISSING_ID),
        (rules.read, event("$merge", **{"$distinct_ids": ["u1", {}]}), Reason.BAD_ID),
        (rules.read_profiles, {"$set": {}}, Reason.MISSING_ID),
        (rules.read_profiles, {"$distinct_id": "null", "$set": {}}, Reason.BAD_ID),
        (rules.read_profiles, {"$distinct_id": "u1", "$set": []}, Reason.BAD_PROPERTIES),
        (rules.read_profiles, {"$distinct_id": "u1", "$unset": "z"}, Reason.BAD_PROPERTIES),
        (rules.read_profiles, {"$distinct_id": "u1", "$delete": ""}, Reason.UNKNOWN_TYPE),
        (rules.read_groups, {"$group_key": "company"}, Reason.MISSING_ID),
        (rules.read_groups, {"$group_key": "company", "$group_id": "null"}, Reason.BAD_ID),
    ],
)
def test_a_bad_row_is_refused_alone(read, row, reason):
    good = event() | {"$distinct_id": "u1", "$group_key": "company", "$group_id": "c1"}
    reading = read([good, row], now=NOW).at_once()
    assert [index for index, _ in reading.messages] == [0]
    assert (reading.problems[0].index, reading.problems[0].reason, reading.problems[0].raw) == (1, reason, row)


def test_a_problem_names_its_event():
    assert rules.read(event("", **{"$insert_id": "i7"}), now=NOW).at_once().problems[0].message_id == "i7"


@pytest.mark.parametrize("read", [rules.read, rules.read_profiles, rules.read_groups])
@pytest.mark.parametrize("body", [None, 7, "x"])
def test_a_body_that_is_none(read, body):
    with pytest.raises(Unreadable):
        read(body, now=NOW).at_once()


@pytest.mark.parametrize(
    ("body", "headers", "query", "key"),
    [
        (event(), {}, {}, "TOK"),
        ([event()], {}, {}, "TOK"),
        ([event()], {"authorization": "Basic U0VDOg=="}, {"api_key": "AK"}, "SEC"),
        ([{"$token": "TOK", "$distinct_id": "u1"}], {}, {}, "TOK"),
        ([], {}, {"api_key": "AK"}, "AK"),
        ({"properties": []}, {}, {}, None),
        (7, {}, {}, None),
    ],
)
def test_the_key_is_the_token(body, headers, query, key):
    assert rules.key_in(body, headers, query) == key


def test_answers():
    good, bad = rules.read(event(), now=NOW).at_once(), rules.read(event(""), now=NOW).at_once()
    assert rules.answer(good, verbose=True) == (200, {"status": 1, "error": None, "num_records_imported": 1})
    assert rules.answer(good, verbose=False) == (200, 1)
    assert rules.answer(bad, verbose=False) == (400, 0)
    status, body = rules.answer(bad, verbose=True)
    assert (status, body["status"], body["error"]) == (400, 0, "event has to be a text that says something")
    status, body = rules.answer(rules.read([event(), event("")], now=NOW).at_once(), verbose=True)
    assert (status, body["status"], body["rejected"][0]["index"]) == (200, 1, 1)
    assert rules.answer(Reading(), verbose=True)[0] == 200
    assert rules.refusal("no key") == {"status": 0, "error": "no key"}


WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
SAID = [*BROWSER, "$user_id", "$anon_id", "$anon_distinct_id", "$identified_id", "$distinct_ids", "alias", "ip"]
EVENTS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(sorted(rules.KINDS)) | JSON,
        "properties": st.dictionaries(st.sampled_from(SAID), JSON) | JSON,
    }
)
NAMES = [
    "$distinct_id",
    "$user_id",
    "$device_id",
    "$set",
    "$set_once",
    "$unset",
    "$time",
    "$ip",
    "$group_key",
    "$group_id",
]
PROFILES = st.dictionaries(st.sampled_from([*NAMES, *rules.COUNTED]), JSON)


@given(JSON | EVENTS | PROFILES | st.lists(EVENTS | PROFILES, max_size=3))
def test_any_body_is_read_or_unreadable(body):
    rules.key_in(body, {}, {})
    for read in (rules.read, rules.read_profiles, rules.read_groups):
        try:
            reading = read(body, now=NOW).at_once()
        except Unreadable:
            continue
        assert rules.answer(reading, verbose=True)[0] in (200, 400)
