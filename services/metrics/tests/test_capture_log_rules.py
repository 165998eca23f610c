"""Entries go through a log's records as they are: each field, each character, each number; and what is no record is told in words."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import COLUMNS, Entry, Heard, Link, Message, MessageKind
from opsloop_metrics.capture_log.rules import CHUNK_BYTES, VERSION, NotReadable, chunks, entries_of, written

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)
SOME = st.none() | TEXT
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9, minutes=-30))])
TIMES = st.datetimes(
    datetime(1900, 1, 2),  # noqa: DTZ001 the zone is drawn
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=ZONES,
)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)
FIELDS = {
    "kind": st.sampled_from(MessageKind),
    "event": TEXT,
    "distinct_id": TEXT,
    "message_id": SOME,
    "is_identified": st.booleans(),
    "time": st.none() | TIMES,
    "sent_at": st.none() | TIMES,
    "properties": OBJECTS,
    "links": st.lists(st.builds(Link, TEXT, st.booleans()), max_size=3).map(tuple),
    "traits_set": OBJECTS,
    "traits_set_once": OBJECTS,
    "traits_unset": st.lists(TEXT, max_size=3).map(tuple),
    "groups": st.dictionaries(TEXT, TEXT, max_size=3),
    "group_traits": OBJECTS,
    "personless": st.booleans(),
    "ip": SOME,
    "user_agent": SOME,
    "url": SOME,
    "referrer": SOME,
    "title": SOME,
    "locale": SOME,
    "library": TEXT,
    "app_version": SOME,
    "session_id": SOME,
    "historical": st.booleans(),
    "is_test": st.booleans(),
}
MESSAGES = st.builds(Message, **FIELDS)
CELLS = TEXT | st.integers(-(2**53), 2**53) | st.dictionaries(TEXT, TEXT, max_size=3)


@st.composite
def entries(draw):
    heard = draw(st.builds(Heard, message=MESSAGES, at=TIMES, may_merge_identified=st.booleans(), actor=TEXT))
    cells = draw(st.lists(CELLS, min_size=len(COLUMNS) - 1, max_size=len(COLUMNS) - 1))
    row = (*cells, orjson.dumps(heard.message.properties).decode())
    return Entry("acme", draw(st.uuids()), draw(st.booleans()), heard, row)


def simple(number=0, workspace="acme", **properties):
    message = Message(MessageKind.TRACK, "Paid", "u1", properties=properties)
    row = (*range(len(COLUMNS) - 1), orjson.dumps(properties).decode())
    return Entry(
        workspace, UUID(int=number), True, Heard(message, datetime(2026, 3, 1, tzinfo=UTC), True, "key:1"), row
    )


def recorded(entries):
    return list(chunks(map(written, entries)))


def test_every_field_of_a_message_is_among_those_that_are_tried():
    assert set(FIELDS) == {field.name for field in fields(Message)}


@settings(max_examples=150, deadline=None)
@given(st.lists(entries(), min_size=1, max_size=3))
def test_what_is_read_is_what_was_written(given):
    (record,) = recorded(given)

    read = entries_of(record)

    assert read == given
    for one, other in zip(read, given, strict=True):
        # 1 is not 1.0 and not true, though Python calls them equal
        assert orjson.dumps(one) == orjson.dumps(other) or one.heard.at.tzinfo is not UTC
        assert one.row[-1] == other.row[-1]
        assert [type(cell) for cell in one.row] == [type(cell) for cell in other.row]


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"a": None, "b": True, "c": 1, "d": 1.0, "e": -0.0, "f": 1e300, "g": 5e-324, "h": 2**63 - 1},
        {"名": "值", "👨‍👩‍👧": "\u2028", "quote": '"\\', "control": "\x01\t\n"},
        {"deep": {"deeper": [{"deepest": [[[1]]]}]}},
        {"": "", "a.b": {"$c": []}},
    ],
)
def test_properties_stay_to_the_byte(properties):
    (read,) = entries_of(recorded([simple(**properties)])[0])

    assert read.row[-1].encode() == orjson.dumps(properties)
    assert orjson.dumps(read.heard.message.properties) == orjson.dumps(properties)


def test_properties_are_written_once():
    assert len(written(simple(text="x" * 1000))) < 2500


@pytest.mark.parametrize(
    ("sizes", "records"),
    [
        ([], []),
        ([10], [1]),
        ([10] * 500, [500]),
        ([400_000] * 5, [2, 2, 1]),
        ([10, 899_000, 10], [1, 1, 1]),
        ([1_800_000, 10, 10], [1, 2]),
        ([10, 1_800_000], [1, 1]),
    ],
)
def test_records_hold_as_many_as_they_may_in_their_order(sizes, records):
    given = [simple(n, text="x" * size) for n, size in enumerate(sizes)]

    found = recorded(given)

    assert [len(entries_of(record)) for record in found] == records
    assert [entry.id.int for record in found for entry in entries_of(record)] == list(range(len(sizes)))
    assert all(len(record) <= CHUNK_BYTES + 100 or len(entries_of(record)) == 1 for record in found)


GOOD = orjson.loads(written(simple(a=1)))


def spoiled(**fields):
    return VERSION + orjson.dumps([GOOD | fields])


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (b"", "version"),
        (b"[]", "version"),
        (b"2\n[]", "version"),
        (VERSION, "JSON"),
        (VERSION + b"[]", "workspace"),
        (VERSION + b"{}", "array"),
        (VERSION + b"[" * 100_000, "JSON"),
        (VERSION + b"\xff\xfe", "JSON"),
        (VERSION + b"[7]", "0: "),
        (VERSION + written(simple())[:-1], "JSON"),
        (spoiled(id="no uuid"), "id"),
        (spoiled(row=[]), "columns"),
        (spoiled(row=[*range(len(COLUMNS))]), "columns"),
        (spoiled(heard=None), "heard"),
        (spoiled(heard=GOOD["heard"] | {"at": "soon"}), "at"),
        (spoiled(heard=GOOD["heard"] | {"message": GOOD["heard"]["message"] | {"kind": "shout"}}), "kind"),
        (spoiled(heard=GOOD["heard"] | {"message": GOOD["heard"]["message"] | {"properties": [1]}}), "properties"),
        (VERSION + orjson.dumps([GOOD, GOOD | {"workspace": "other"}]), "workspace"),
    ],
)
def test_what_is_no_record_is_told_in_words(record, word):
    with pytest.raises(NotReadable, match=word):
        entries_of(record)


def test_words_about_a_record_quote_nothing_of_it():
    secret = "someone@example.test"
    with pytest.raises(NotReadable) as refused:
        entries_of(spoiled(heard=secret))

    assert secret not in str(refused.value)


def test_a_field_that_is_new_in_a_message_may_be_missing_in_the_records_of_the_release_before():
    document = GOOD | {"heard": GOOD["heard"] | {"message": {"kind": "track", "event": "Paid", "distinct_id": "u1"}}}

    (read,) = entries_of(VERSION + orjson.dumps([document]))

    assert read.heard.message == replace(simple().heard.message, properties={})
