"""What all vendors' readers share: times of every client, who speaks, groups, keys, and how bodies are packed."""

import base64
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import Link, Message, MessageKind, Problem, Reason, Refused, Unreadable
from opsloop_metrics.reading import rules
from opsloop_metrics.reading.rules import Sender, Speaker

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (None, None),
        ("", None),
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T12:00:00.000Z", NOON),
        ("2026-03-01T20:00:00+08:00", NOON),
        ("2026-03-01T04:00:00.000000-08:00", NOON),
        ("2026-03-01T12:00:00", NOON),
        (" 2026-03-01 12:00 ", NOON),
        ("2026-03-01T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2026-03-01", NOON - timedelta(hours=12)),
        ("20260301", NOON - timedelta(hours=12)),
        ("2026/03/01", NOON - timedelta(hours=12)),
        ("2026/3/1", NOON - timedelta(hours=12)),
        ("2026-3-1", NOON - timedelta(hours=12)),
        ("2026/03/01 12:00", NOON),
        ("2026/3/1 12:00:00", NOON),
        ("2026-03-01 9:30", NOON - timedelta(hours=2.5)),
        ("2026/3/1 9:30+08:00", NOON - timedelta(hours=10.5)),
        (1772366400, NOON),
        (1772366400.5, NOON + 500 * MILLISECOND),
        (1772366400000, NOON),
        (1772366400001, NOON + MILLISECOND),
        (1772366400000000, NOON),
        (1772366400000000000, NOON),
        ("1772366400", NOON),
        ("1772366400.25", NOON + 250 * MILLISECOND),
        ("1772366400000", NOON),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_each_client_writes_it(value, time):
    assert rules.time_of(value, "timestamp") == time


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026/13/1",
        "2026/3-1",
        "2026/3/1 9",
        "2026/3/1 9:",
        "2026/3/1 25:00",
        "3/1/2026",
        "26/3/1",
        "２０２６/3/1",
        "2026-03-01T12:00:00 UTC",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+08:00",
        "0001-01-01T00:00:00+14:00",
        "2149-01-01T00:00:00Z",
        "９９９９９９９９９９９９９９９９９９９９９",
        "1" * 400,
        True,
        [],
        {},
        -1,
        1e300,
        10**30,
        float("nan"),
        float("inf"),
    ],
)
def test_a_time_that_cannot_be_read_is_refused_by_name(value):
    with pytest.raises(Refused, match="timestamp") as refused:
        rules.time_of(value, "timestamp")
    assert refused.value.reason is Reason.BAD_TIME


def test_a_clock_that_cannot_be_read_corrects_nothing():
    assert rules.clock_of("2026-03-01T12:00:00Z") == NOON
    assert rules.clock_of("soon") is None
    assert rules.clock_of(True) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a ", "a"),
        ("", None),
        (" ", None),
        (7, None),
        (None, None),
        (["a"], None),
        ("a\x00\ud800", "a\ufffd\ufffd"),
        ("首页", "首页"),
        ("x" * 3000, "x" * 2048),
    ],
)
def test_a_text_describes(value, text):
    assert rules.text_of(value) == text


@pytest.mark.parametrize(("value", "id"), [("m1", "m1"), (5, "5"), ("undefined", None), ("", None), (None, None)])
def test_a_message_is_never_called_as_many_others_are(value, id):
    assert rules.message_id_of(value, "messageId") == id


@pytest.mark.parametrize(
    ("user", "anonymous", "speaker"),
    [
        ("u1", None, Speaker("u1", True)),
        ("u1", "a1", Speaker("u1", True, (Link("a1", False),))),
        ("u1", "u1", Speaker("u1", True)),
        (None, "a1", Speaker("a1")),
        ("u1", "null", Speaker("u1", True)),
        ("null", "a1", Speaker("a1")),
        ("null", None, Speaker("null")),
        (None, "guest", Speaker("guest")),
        ("null", "undefined", Speaker("null")),
    ],
)
def test_who_speaks(user, anonymous, speaker):
    assert rules.speaker_of(user, anonymous) == speaker


@pytest.mark.parametrize(
    ("user", "anonymous", "reason"),
    [
        (None, None, Reason.MISSING_ID),
        ("null", None, Reason.BAD_ID),
        ("null", "a1", Reason.BAD_ID),
        (None, "guest", Reason.BAD_ID),
    ],
)
def test_nothing_is_claimed_of_nobody(user, anonymous, reason):
    with pytest.raises(Refused) as refused:
        rules.speaker_of(user, anonymous, is_claim=True)
    assert refused.value.reason is reason


def test_an_alias_says_who_one_was():
    assert rules.alias_of("a1", "u1") == Speaker("u1", True, (Link("a1", True),))
    assert rules.alias_of("u1", "u1") == Speaker("u1", True)


@pytest.mark.parametrize(
    ("previous", "user", "reason"),
    [
        (None, "u1", Reason.MISSING_ID),
        ("a1", None, Reason.MISSING_ID),
        ("null", "u1", Reason.BAD_ID),
        ("a1", "anonymous", Reason.BAD_ID),
    ],
)
def test_an_alias_names_both(previous, user, reason):
    with pytest.raises(Refused) as refused:
        rules.alias_of(previous, user)
    assert refused.value.reason is reason


def test_a_visitor_without_an_id_is_one_for_a_while():
    sender = Sender("192.0.2.1", "Mozilla/5.0", b"secret")
    id = rules.visitor_of(sender, site="x.example", period="2026-03-01")
    assert len(id) == 32
    assert id == rules.visitor_of(sender, site="x.example", period="2026-03-01")
    others = {
        rules.visitor_of(sender, site="x.example", period="2026-03-02"),
        rules.visitor_of(sender, site="y.example", period="2026-03-01"),
        rules.visitor_of(replace(sender, ip="192.0.2.2"), site="x.example", period="2026-03-01"),
        rules.visitor_of(replace(sender, user_agent="\ud800"), site="x.example", period="2026-03-01"),
        rules.visitor_of(replace(sender, secret=b"x" * 100), site="x.example", period="2026-03-01"),
    }
    assert len(others - {id}) == 5


def test_groups_have_a_type_and_an_id():
    given = {"company": "c1", "team": 7, "none": None, "empty": [], "nobody": "null", "several": ["s1", "s2"]}
    assert rules.groups_of(given, "$groups") == {"company": "c1", "team": "7", "several": "s1"}
    assert rules.groups_of(None, "$groups") == {}
    for wrong in [["c1"], "c1", {"company": {"id": 1}}, {"": "c1"}, {"x" * 201: "c1"}]:
        with pytest.raises(Refused):
            rules.groups_of(wrong, "$groups")


def test_a_test_says_so_plainly():
    assert rules.says_test({"is_test": True})
    assert rules.says_test({}, {"$test": True})
    assert not rules.says_test({"is_test": "yes"}, {"test": True}, None, ["is_test"])


@pytest.mark.parametrize(
    ("name", "version", "library"),
    [
        ("analytics-python", "2.4.0", "analytics-python/2.4.0"),
        ("web", None, "web"),
        (None, "2.4.0", ""),
        (7, 8, ""),
        ("x" * 300, "1", "x" * 200 + "/1"),
    ],
)
def test_a_library_has_a_name(name, version, library):
    assert rules.library_of(name, version) == library


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (basic("WK:"), "WK"),
        (basic("WK:secret"), "WK"),
        (basic("WK"), "WK"),
        ("basic V0s6", "WK"),
        ("Bearer phc_x", "phc_x"),
        ("bearer  phc_x ", "phc_x"),
        ("Bearer None", None),
        ("Bearer", None),
        ("Basic %%%", None),
        ("Basic /w==", None),
        (basic(":"), None),
        ("Digest x", None),
        ("", None),
        (None, None),
    ],
)
def test_a_key_stands_in_the_header(header, key):
    assert rules.credential_of(header) == key


EVENT = json.dumps({"event": "a>b?c~", "n": "客户"}, ensure_ascii=False)
PACKED = base64.b64encode(EVENT.encode()).decode()


@pytest.mark.parametrize(
    ("raw", "others"),
    [
        (EVENT, {}),
        ("  " + EVENT, {}),
        ("data=" + quote(EVENT), {}),
        ("data=" + quote(PACKED), {}),
        ("data=" + PACKED, {}),
        ("data=" + PACKED.rstrip("="), {}),
        ("data=" + PACKED.replace("+", "-").replace("/", "_"), {}),
        (urlencode({"data": EVENT, "verbose": "1", "ip": "0"}), {"verbose": "1", "ip": "0"}),
    ],
)
def test_a_body_is_unpacked_whatever_its_type_says(raw, others):
    payload, fields = rules.payload_of(raw.encode())
    assert (json.loads(payload), fields) == (json.loads(EVENT), others)


@pytest.mark.parametrize("raw", [b"", b"hello", b"verbose=1", b"data=%%%", b"\xff\xfe", b"data=a", b"a=1&" * 60])
def test_a_body_that_is_nothing_is_unreadable(raw):
    with pytest.raises(Unreadable):
        rules.payload_of(raw)


def test_what_is_unpacked_may_be_packed_again():
    assert rules.unpacked(base64.b64encode(b"\x1f\x8bgzip").decode()) == b"\x1f\x8bgzip"


def take(row):
    if "event" not in row:
        raise Refused(Reason.MISSING_EVENT, "event is missing")
    return Message(MessageKind.TRACK, row["event"], "u1")


def test_a_bad_row_refuses_itself_alone():
    reading = rules.unread(
        [{"event": "a"}, 7, {"id": "m2"}, {"event": "b"}, {"id": ["m4"]}], take, "uuid", "id"
    ).at_once()
    assert [(index, message.event) for index, message in reading.messages] == [(0, "a"), (3, "b")]
    assert reading.problems == (
        Problem(1, Reason.NOT_AN_OBJECT, "a message has to be an object", 7),
        Problem(2, Reason.MISSING_EVENT, "event is missing", {"id": "m2"}, "m2"),
        Problem(4, Reason.MISSING_EVENT, "event is missing", {"id": ["m4"]}),
    )
    assert rules.told(reading.problems)[1] == {
        "index": 2,
        "message_id": "m2",
        "reason": "missing_event",
        "detail": "event is missing",
    }
    assert len(rules.told(reading.problems * 100)) == 100


@pytest.mark.parametrize("rows", [None, {}, "rows", [{}] * 10_001])
def test_rows_are_a_list_that_a_client_would_send(rows):
    with pytest.raises(Unreadable):
        rules.unread(rows, take).at_once()


@given(JSON)
def test_any_value_is_read_or_refused(value):
    for read in (rules.time_of, rules.message_id_of, rules.groups_of):
        try:
            read(value, "field")
        except Refused as refused:
            assert refused.detail  # noqa: PT017 - either is right
    rules.text_of(value)
    rules.says_test(value)


@given(st.binary(max_size=60))
def test_any_body_is_unpacked_or_unreadable(raw):
    for body in (raw, b"data=" + raw):
        try:
            payload, _ = rules.payload_of(body)
        except Unreadable:
            continue
        assert sys.getsizeof(payload) < 200
