"""What every client's message becomes: ids, names, bounds, and the time by our clock."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.testing.ids import BAD_IDS, GOOD_IDS
from opsloop_metrics.capture import rules
from opsloop_metrics.capture.rules import Message, MessageKind, Reason, Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def message(**given):
    return Message(**{"kind": MessageKind.TRACK, "event": "Signed Up", "distinct_id": "u1"} | given)


@pytest.mark.parametrize(
    ("value", "id"),
    [
        ("u1", "u1"),
        ("  u1 ", "  u1 "),
        (17, "17"),
        (17.0, "17"),
        (2**53, str(2**53)),
        (2**64 - 1, str(2**64 - 1)),
        ("用户-1", "用户-1"),
        ("", None),
        ("  ", None),
        (None, None),
        ("张三@例子.cn", "张三@例子.cn"),
        ("x" * 200, "x" * 200),
        *((id, id) for id in GOOD_IDS),
    ],
)
def test_an_id_is_a_text(value, id):
    assert rules.id_of(value, "userId") == id


@pytest.mark.parametrize("value", [True, False, [], {}, ["u1"], "x" * 201, 1.5, 1e23, float("inf"), -1e300, "u1\n"])
def test_what_can_be_no_id_is_refused_by_name(value):
    with pytest.raises(Refused, match="userId"):
        rules.id_of(value, "userId")


@pytest.mark.parametrize(
    "value",
    [each for each in BAD_IDS if each.strip() == each and len(each) <= rules.MAX_ID]
    + ["../x", "a\tb", "a/../b", "x/..", "a\x00b", "a\ud800b"],
)
def test_what_no_address_can_name_is_refused_and_says_why(value):
    with pytest.raises(Refused, match="userId must not") as refused:
        rules.id_of(value, "userId")
    assert refused.value.reason is Reason.BAD_ID


def test_what_is_no_part_of_an_address_may_be_called_so():
    assert rules.written_id("a/../b", "messageId") == "a/../b"
    assert rules.written_id("a\x00b", "messageId") == "a\ufffdb"


def test_reading_an_ordinary_id_costs_next_to_nothing():
    ids = ["0190c3d2-8a4b-7000-8000-000000000001", "ann@example.com", "用户-1"] * 10_000
    began = time.perf_counter()
    for id in ids:
        rules.id_of(id, "userId")

    assert time.perf_counter() - began < 1, "of 30,000"


@pytest.mark.parametrize("id", ["null", "NULL", "Undefined", "anonymous", "[object Object]", "0", "guest", " none "])
def test_some_ids_stand_for_nobody(id):
    assert rules.is_nobody(id)


@pytest.mark.parametrize("id", ["u0", "1", "anonymous-7", "用户"])
def test_others_stand_for_somebody(id):
    assert not rules.is_nobody(id)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.MISSING_EVENT),
        (7, Reason.MISSING_EVENT),
        (" ", Reason.MISSING_EVENT),
        ("\u202e", Reason.MISSING_EVENT),
        ("\u200b \u2800\u0000", Reason.MISSING_EVENT),
        ("x" * 201, Reason.TOO_LARGE),
    ],
)
def test_an_event_has_a_name(value, reason):
    with pytest.raises(Refused) as refused:
        rules.event_name(value)
    assert refused.value.reason is reason


def nested(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def test_properties_have_bounds():
    assert rules.object_of(None, "properties") == {}
    assert rules.object_of({"a": [1, {"b": None}]}, "properties") == {"a": [1, {"b": None}]}
    assert rules.object_of(nested(20), "properties") == nested(20)
    for value, reason in [
        ([], Reason.BAD_PROPERTIES),
        ("{}", Reason.BAD_PROPERTIES),
        (nested(21), Reason.TOO_DEEP),
        ({"in": [[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]}, Reason.TOO_DEEP),
        ({"a": "x" * rules.MAX_PROPERTIES_BYTES}, Reason.TOO_LARGE),
    ]:
        with pytest.raises(Refused) as refused:
            rules.object_of(value, "properties")
        assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, NOW),
        ({"time": NOW - timedelta(days=60)}, NOW - timedelta(days=60)),
        # the clock is three hours ahead, and so is the event that happened a minute before it was sent
        ({"time": NOW + timedelta(hours=2, minutes=59), "sent_at": NOW + timedelta(hours=3)}, NOW - timedelta(minutes=1)),
        ({"time": NOW - timedelta(days=3, hours=2), "sent_at": NOW - timedelta(hours=2)}, NOW - timedelta(days=3)),
        # what was under way for a moment is no wrong clock
        ({"time": NOW - timedelta(seconds=5), "sent_at": NOW - timedelta(seconds=4)}, NOW - timedelta(seconds=5)),
        ({"time": NOW - timedelta(days=900), "sent_at": NOW - timedelta(days=1), "historical": True}, NOW - timedelta(days=900)),
        ({"time": NOW + timedelta(hours=3)}, NOW + timedelta(hours=3)),
    ],
)  # fmt: skip
def test_time_is_by_our_clock(given, expected):
    assert rules.corrected(message(**given), NOW) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"time": NOW + timedelta(days=2)},
        {"time": datetime.min.replace(tzinfo=UTC), "sent_at": datetime.max.replace(tzinfo=UTC)},
    ],
)
def test_a_time_far_ahead_or_beyond_counting_is_refused(given):
    with pytest.raises(Refused) as refused:
        rules.corrected(message(**given), NOW)
    assert refused.value.reason is Reason.BAD_TIME


def test_ids_are_one_in_a_workspace_and_apart_between_them():
    assert rules.event_id("acme", "m1") == rules.event_id("acme", "m1")
    assert rules.person_id("acme", "u1") == rules.person_id("acme", "u1")
    found = {rules.event_id("acme", "m1"), rules.event_id("other", "m1"), rules.event_id("acme", "m2")}
    assert len(found | {rules.person_id("acme", "m1")}) == 4


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": "x\x00y"}, {"a": "x\ufffdy"}),
        ({"a": ["\ud800", {"b\x00": "\udc00"}]}, {"a": ["\ufffd", {"b\ufffd": "\ufffd"}]}),
        ({"a": 2**70, "b": [-(2**63), 2**63, True, None]}, {"a": float(2**70), "b": [-(2**63), float(2**63), True, None]}),
        ({"a": "\\u0000"}, {"a": "\\u0000"}),
    ],
)  # fmt: skip
def test_properties_are_as_every_store_takes_them(value, kept):
    assert rules.object_of(value, "properties") == kept


def test_a_number_beyond_counting_is_refused():
    with pytest.raises(Refused, match="properties"):
        rules.object_of({"a": 10**400}, "properties")


@pytest.mark.parametrize(
    "text",
    ["", "plain", "a b\tc\n", "用户", "e\u0301", "👨\u200d👩", "\ufffd", "a" * 10_000],
)
def test_a_text_of_characters_stays_as_it_is(text):
    assert rules.storable(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\x00", "\ufffd"),
        ("a\x00b\x00", "a\ufffdb\ufffd"),
        ("\ud83d", "\ufffd"),
        ("\udc00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\udc68", "👨"),
        ("用\x00户", "用\ufffd户"),
    ],
)
def test_what_is_no_character_is_replaced(text, kept):
    assert rules.storable(text) == kept


@given(st.integers(-90 * 86_400, 90 * 86_400), st.integers(0, 60 * 86_400))
def test_a_wrong_clock_is_taken_out_and_lateness_is_not(ahead, late):
    off, ago = timedelta(seconds=ahead), timedelta(seconds=late)
    sent = Message(
        MessageKind.TRACK, "e", "u", message_id="m", is_identified=True, time=NOW - ago + off, sent_at=NOW + off
    )

    assert rules.corrected(sent, NOW) == (NOW - ago if abs(off) > rules.SKEW_IGNORED else NOW - ago + off)


@given(st.text(), st.text(), st.text())
def test_a_person_is_one_of_its_workspace_and_no_event(workspace, other, id):
    made = rules.person_id(workspace, id)

    assert made == rules.person_id(workspace, id)
    assert (made == rules.person_id(other, id)) == (workspace == other)
    assert made != rules.event_id(workspace, id)


@pytest.mark.parametrize("ahead", [timedelta(days=1, seconds=1), timedelta(days=400)])
def test_without_a_time_of_sending_a_clock_cannot_be_told_from_the_future(ahead):
    with pytest.raises(Refused) as refused:
        rules.corrected(Message(MessageKind.TRACK, "e", "u", message_id="m", time=NOW + ahead), NOW)

    assert refused.value.reason is Reason.BAD_TIME


@pytest.mark.parametrize("sent_at", [datetime(2148, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_clock_of_another_century_dates_nothing_before_there_were_computers(sent_at):
    told = Message(MessageKind.TRACK, "e", "u", message_id="m", time=datetime(1970, 1, 1, tzinfo=UTC), sent_at=sent_at)

    with pytest.raises(Refused) as refused:
        rules.corrected(told, NOW)

    assert refused.value.reason is Reason.BAD_TIME


def test_what_the_reject_log_is_told_of_a_message():
    link = rules.Link("v", explicit=True)
    message = rules.Message(rules.MessageKind.ALIAS, "$alias", "u", "m1", links=(link,), traits_set={"城市": "上海"})

    told = rules.problem_of(message, Reason.MERGE_REFUSED, "no", place=3)

    assert (told.index, told.reason, told.detail, told.message_id) == (3, Reason.MERGE_REFUSED, "no", "m1")
    said = {"event": "$alias", "distinct_id": "u", "other_ids": ["v"], "traits": {"城市": "上海"}, "properties": {}}
    assert told.raw == said
    assert rules.problem_of(message, Reason.ERASED, "gone").raw is None
