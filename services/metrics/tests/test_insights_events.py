"""Filters as SQL: what each condition means on each kind of value, and whose events count."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import pytest

from opsloop_common.conditions import Condition, Op
from opsloop_metrics.insights import events
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import EventFilter, Interval, WeekStart, frame_of
from opsloop_metrics.store.port import written

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
COLUMNS = (
    "workspace", "id", "kind", "event", "time", "distinct_id", "person", "properties", "path", "groups", "is_bot", "is_test",
    "is_personless",
)  # fmt: skip
ODD = "it's \\ \"quoted\" {x:String} '; --"
WORLD = (
    {"plan": "pro", "n": 1, "deep": {"名": "数字"}, "list": ["a", 1, True], "odd": ODD, ODD: "key"},
    {"plan": "free", "n": "1", "flag": True},
    {"plan": None, "n": 2.5, "flag": False},
)


def row(n, properties, **given):
    said = {
        "workspace": "acme", "id": str(uuid4()), "kind": "track", "event": f"e{n}", "time": written(NOW - timedelta(days=n)),
        "distinct_id": f"u{n}", "person": str(UUID(int=n + 1)), "properties": orjson.dumps(properties).decode(), "path": f"/p/{n}",
        "groups": {"company": "数 c"} if n == 0 else {}, "is_bot": 0, "is_test": 0, "is_personless": 0,
    } | given  # fmt: skip
    return [said[name] for name in COLUMNS]


@pytest.fixture
async def filled(store):
    await store.insert("opsloop.event", COLUMNS, [row(n, properties) for n, properties in enumerate(WORLD)])
    return store


def looking(*conditions, **given):
    asked = {
        "workspace": "acme", "now": NOW, "zone": "UTC", "week_start": WeekStart.MONDAY, "interval": Interval.DAY,
        "start": date(2026, 3, 1), "end": date(2026, 3, 31), "where": conditions, "has_merges": False,
    } | given  # fmt: skip
    return frame_of(**asked)


async def names(store, frame, **options):
    bind = Binding()
    found = await store.query(
        f"SELECT e.event {events.from_events(frame, bind, **options)} ORDER BY e.event", bind.values
    )
    return [each[0].removeprefix("e") for each in found.rows]


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("properties.plan", "eq", "pro", "0"),
        ("properties.plan", "ne", "pro", "12"),
        ("properties.plan", "eq", None, "2"),
        ("properties.plan", "ne", None, "01"),
        ("properties.plan", "exists", True, "01"),
        ("properties.plan", "exists", False, "2"),
        ("properties.plan", "in", ["pro", None], "02"),
        ("properties.plan", "not_in", ["pro", "free"], "2"),
        ("properties.plan", "ge", "pro", "0"),
        ("properties.plan", "contains", "r", "01"),
        ("properties.plan", "gt", 1, ""),
        ("properties.n", "eq", 1, "0"),
        ("properties.n", "eq", 1.0, "0"),
        ("properties.n", "eq", "1", "1"),
        ("properties.n", "gt", 0.5, "02"),
        ("properties.n", "le", 1, "0"),
        ("properties.n", "in", [1, 2.5], "02"),
        ("properties.flag", "eq", True, "1"),
        ("properties.flag", "eq", False, "2"),
        ("properties.flag", "eq", 1, ""),
        ("properties.deep.名", "contains", "数", "0"),
        ("properties.deep.名", "eq", "数字", "0"),
        ("properties.deep", "exists", True, "0"),
        ("properties.deep", "eq", "x", ""),
        ("properties.list", "contains", "a", "0"),
        ("properties.list", "contains", 1, "0"),
        ("properties.list", "contains", True, "0"),
        ("properties.list", "contains", "1", ""),
        ("properties.odd", "eq", ODD, "0"),
        (f"properties.{ODD}", "eq", "key", "0"),
        ("properties.nowhere", "ne", "x", "012"),
        ("path", "eq", "/p/1", "1"),
        ("path", "ne", "/p/1", "02"),
        ("path", "contains", "/p", "012"),
        ("path", "in", ["/p/1", "/p/2"], "12"),
        ("path", "gt", "/p/0", "12"),
        ("path", "eq", 1, ""),
        ("path", "ne", 1, "012"),
        ("path", "contains", 1, ""),
        ("url", "exists", False, "012"),
        ("url", "eq", None, "012"),
        ("url", "ne", None, ""),
        ("url", "lt", "z", ""),
        ("url", "not_in", ["x"], "012"),
        ("url", "in", [None], "012"),
        ("group.company", "eq", "数 c", "0"),
        ("group.company", "exists", False, "12"),
        (f"group.{ODD}", "exists", False, "012"),
        ("person.plan", "exists", False, "012"),
        ("event", "eq", "e1", "1"),
        ("distinct_id", "in", ["u0", "u2"], "02"),
    ],
)
async def test_a_condition_means_one_thing(filled, field, op, value, expected):
    condition = Condition.model_construct(field=field, op=Op(op), value=value)

    assert "".join(await names(filled, looking(condition))) == expected


async def test_traits_are_the_persons_newest(filled):
    people = [
        ("acme", str(UUID(int=1)), '{"plan":"old"}', 1),
        ("acme", str(UUID(int=1)), '{"plan":"数"}', 2),
        ("other", str(UUID(int=2)), '{"plan":"数"}', 3),
    ]
    await filled.insert("opsloop.person", ["workspace", "id", "traits", "version"], people)
    condition = Condition.model_construct(field="person.plan", op=Op.EQ, value="数")

    assert await names(filled, looking(condition)) == ["0"]


async def test_whom_an_event_is_of_follows_merges_also_of_merges(filled):
    moves = [
        ("acme", str(UUID(int=1)), str(UUID(int=2)), 1),
        ("acme", str(UUID(int=1)), str(UUID(int=3)), 2),
        ("other", str(UUID(int=2)), str(UUID(int=9)), 3),
    ]
    await filled.insert("opsloop.person_override", ["workspace", "person", "into", "version"], moves)
    frame = looking(has_merges=True)
    bind = Binding()

    found = await filled.query(
        f"SELECT e.event, {events.person_of(frame)} {events.from_events(frame, bind)} ORDER BY 1", bind.values
    )

    assert found.rows == [["e0", str(UUID(int=3))], ["e1", str(UUID(int=2))], ["e2", str(UUID(int=3))]]


async def test_bots_tests_and_nobodys_events_count_where_they_are_asked_for(store):
    flags = ({}, {"is_bot": 1}, {"is_test": 1}, {"is_personless": 1}, {"workspace": "other"})
    await store.insert("opsloop.event", COLUMNS, [row(n, {}, **given) for n, given in enumerate(flags)])

    assert await names(store, looking()) == ["0"]
    assert await names(store, looking(), of_people=False) == ["0", "3"]
    assert await names(store, looking(include_filtered=True), of_people=False) == ["0", "1", "2", "3"]
    assert await names(store, looking(workspace="other")) == ["4"]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (EventFilter("a"), ["a"]),
        (EventFilter("$identify"), []),
        (EventFilter("feedback.received"), ["feedback.received"]),
        (EventFilter(), ["a"]),
        (EventFilter("a", (Condition.model_construct(field="properties.x", op=Op.EQ, value=1),)), []),
    ],
)
async def test_any_event_is_what_people_did(store, filter, expected):
    kinds = {"a": "track", "$identify": "identify", "feedback.received": "domain", "$group": "group"}
    await store.insert(
        "opsloop.event", COLUMNS, [row(n, {}, event=name, kind=kind) for n, (name, kind) in enumerate(kinds.items())]
    )
    bind = Binding()
    frame = looking()

    found = await store.query(
        f"SELECT e.event {events.from_events(frame, bind, conditions=[events.matches(filter, bind)])}", bind.values
    )

    assert [each[0] for each in found.rows] == expected


async def test_values_to_break_down_by_are_texts_and_numbers_are_numbers(filled):
    bind = Binding()
    asked = [events.value_of(f"properties.{name}", bind) for name in ("plan", "n", "flag", "deep")]
    numbers = [events.number_of("properties.n", bind), events.number_of("path", bind)]

    found = await filled.query(
        f"SELECT {', '.join([*asked, *numbers])} {events.from_events(looking(), bind)} ORDER BY e.event", bind.values
    )

    assert found.rows == [
        ["pro", "1", "", '{"名":"数字"}', 1, None],
        ["free", "1", "true", "", None, None],
        ["", "2.5", "false", "", 2.5, None],
    ]


def test_each_value_is_bound_once_and_by_its_kind():
    bind = Binding()

    assert bind.text("a") == bind.text("a") == "{s0:String}"
    assert bind.number(1) == bind.number(1.0)
    assert bind.text("1") != bind.number(1)
    assert bind.texts(["a"]) != bind.text("a")
    assert len(bind.values) == 4


@pytest.mark.parametrize(
    ("fields", "needs"), [(["person.plan"], True), (["properties.person.plan", None, "path"], False), ([], False)]
)
def test_traits_are_joined_only_where_they_are_asked_for(fields, needs):
    assert events.needs_traits(EventFilter("a"), fields=fields) is needs


async def test_a_list_has_a_value_for_each_of_its_elements(store):
    odd = [ODD, "", None, 1, 2.5, True, {"a": [1]}, [2], ODD]
    await store.insert(
        "opsloop.event", COLUMNS, [row(1, {"many": odd, "one": "pro", "none": None, "no": []}, path="/价格")]
    )
    bind = Binding()
    asked = [events.values_of(f"properties.{name}", bind) for name in ("many", "one", "none", "no", "absent")]

    found = await store.query(
        f"SELECT {', '.join([*asked, events.values_of('path', bind), events.values_of('country', bind)])} FROM opsloop.event AS e",
        bind.values,
    )

    assert found.rows == [[[ODD, "1", "2.5", "true", '{"a":[1]}', "[2]"], ["pro"], [], [], [], ["/价格"], []]]
