"""What insights share beside filters and periods: who was there when, tables for spreadsheets, and how they ask."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.db import Context
from opsloop_metrics.app import INSIGHTS
from opsloop_metrics.insights import asking, tables
from opsloop_metrics.insights.events import Binding, from_events
from opsloop_metrics.insights.periods import Interval, WeekStart, frame_of, interval_sql
from opsloop_metrics.insights.presence import presence
from opsloop_metrics.store.port import StoreUnavailable, TooHeavy, written

START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ("workspace", "id", "kind", "event", "time", "distinct_id", "person", "properties")


def looking(days, **given):
    asked = {
        "workspace": "acme",
        "now": START + timedelta(days=days),
        "zone": "UTC",
        "week_start": WeekStart.MONDAY,
        "interval": Interval.DAY,
        "start": START.date(),
        "end": (START + timedelta(days=days - 1)).date(),
        "has_merges": False,
    }
    return frame_of(**asked | given)


async def happened(store, *rows):
    """Store events given as (person, day) or (person, day, event)."""
    await store.insert(
        "opsloop.event",
        COLUMNS,
        [
            [
                "acme", str(uuid4()), "track", event[0] if event else "a", written(START + timedelta(days=day, hours=3)),
                f"u{person}", str(UUID(int=person)), "{}",
            ]
            for person, day, *event in rows
        ],
    )  # fmt: skip


async def who_was_there(store, frame, count, group=None):
    bind = Binding()
    sql = presence(frame, from_events(frame, bind), place=interval_sql(frame, "e.time"), count=count, group=group)
    named = "who, places" if group is None else "who, places, part"
    return sorted(
        [UUID(who).int, places, *part]
        for who, places, *part in (await store.query(f"SELECT {named} FROM ({sql})", bind.values)).rows
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([(1, 0)], [[1, [0]]]),
        # several events of a day are one presence, in whatever order they come
        ([(1, 5), (1, 0), (1, 5), (2, 1)], [[1, [0, 5]], [2, [1]]]),
        # at the borders of the words that hold the bits, and beyond the first
        ([(1, 63), (1, 64), (1, 127), (1, 128), (1, 199)], [[1, [63, 64, 127, 128, 199]]]),
    ],
)
async def test_presence_is_each_place_once_in_order(store, rows, expected):
    await happened(store, *rows)

    assert await who_was_there(store, looking(200), 200) == expected


async def test_presence_of_parts_is_apart(store):
    await happened(store, (1, 0, "a"), (1, 1, "b"), (1, 70, "b"), (2, 1, "a"))

    found = await who_was_there(store, looking(80), 80, group="if(e.event = 'a', 0, 1)")

    assert found == [[1, [0], 0], [1, [1, 70], 1], [2, [1], 0]]


async def test_presence_follows_merges(store):
    await happened(store, (1, 0), (2, 1))
    moved = ["acme", str(UUID(int=2)), str(UUID(int=1)), 1]
    await store.insert("opsloop.person_override", ["workspace", "person", "into", "version"], [moved])

    assert await who_was_there(store, looking(5, has_merges=True), 5) == [[1, [0, 1]]]


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv, application/json", True),
        ("application/json, text/csv", False),
        ("text/html, text/csv;q=0.5", True),
        ("text/csvx", False),
    ],
)
def test_who_prefers_a_table_is_given_one(accept, is_csv):
    assert tables.prefers_csv(accept) is is_csv


@pytest.mark.parametrize(
    ("cell", "written_as"),
    [
        ("=1+1", "'=1+1"),
        ("+86 10", "'+86 10"),
        ("-1", "'-1"),
        ("@here", "'@here"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("a=b", "a=b"),
        ("支付", "支付"),
        ('say "hi", friend', 'say "hi", friend'),
        ("two\nlines", "two\nlines"),
        (-1, "-1"),
        (0.5, "0.5"),
        (None, ""),
        ("", ""),
    ],
)
def test_a_spreadsheet_computes_nothing_that_strangers_wrote(cell, written_as):
    text = tables.as_csv(["name", "=value"], [["x", cell]])

    assert list(csv.reader(io.StringIO(text, newline=""))) == [["name", "'=value"], ["x", written_as]]


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r")), min_size=2, max_size=2)
    )
)
def test_a_table_is_read_back_as_it_was(rows):
    read = list(csv.reader(io.StringIO(tables.as_csv(["a", "b"], rows), newline="")))

    assert [[cell.removeprefix("'") for cell in row] for row in read[1:]] == [
        [cell if not cell.startswith("'") else cell[1:] for cell in row] for row in rows
    ]


async def opened(world, **given):
    asked = {
        "interval": Interval.DAY, "start": None, "end": None, "zone": None, "week_start": None, "where": (), "include_filtered": False,
    }  # fmt: skip
    context = world.api.db.transaction
    async with context(Context(workspace="acme")) as session:
        frame = await asking.open_frame(session, **asked | given)
        return frame, session.in_transaction()


async def test_zone_and_week_are_the_workspaces_unless_a_query_says_its_own(world_with_store):
    world = world_with_store
    admin = await world.api.key()
    changed = await world.send(
        "PATCH", "/v1/workspace", json={"time_zone": "Asia/Shanghai", "week_start": "sunday"}, headers=admin
    )
    assert changed.status_code == 200

    frame, _ = await opened(world)
    own, _ = await opened(world, zone="US/Pacific", week_start=WeekStart.SATURDAY)

    assert (frame.zone, frame.week_start) == ("Asia/Shanghai", WeekStart.SUNDAY)
    assert (own.zone, own.week_start) == ("US/Pacific", WeekStart.SATURDAY)
    assert frame.start.astimezone(UTC).hour == 16  # midnight in Shanghai


async def test_whoever_waits_for_the_store_holds_no_transaction(world_with_store):
    _, is_open = await opened(world_with_store, start=date(2026, 1, 1), end=date(2026, 1, 2))

    assert is_open is False


async def test_without_a_store_the_answer_says_so(api):
    from opsloop_metrics.app import SERVICE

    service = await api(SERVICE)
    headers = await service.key("metrics:read")

    answer = await service.client.post(
        "/v1/insights/trends", json={"series": [{"event": "a", "aggregate": "count"}]}, headers=headers
    )

    assert answer.status_code == StoreUnavailable.status == 503
    assert answer.headers["retry-after"]


TOO_MUCH = "SELECT groupArray(repeat('x', 900000)) FROM numbers(4000)"
ASKED = {
    "trends": {"series": [{"event": "paid"}]},
    "funnel": {"steps": [{"event": "came"}, {"event": "paid"}]},
    "retention": {"start": {}, "return": {}},
    "breakdown": {"by": ["path"]},
    "attribution": {"conversion": {"event": "paid"}},
}


LIGHTER = [
    ("trends", "fewer series or no breakdown"),
    ("active-users", "fewer events"),
    ("funnel", "fewer steps or no breakdown"),
    ("retention", "fewer periods or no breakdown"),
    ("lifecycle", "fewer events"),
    ("stickiness", "fewer events"),
    ("paths", "fewer events"),
    ("sessions", "fewer events"),
    ("experience", "fewer events"),
    ("attribution", "a shorter lookback"),
    ("breakdown", "fewer fields"),
    ("usage", "a few features by their names"),
    ("churn", "fewer answers"),
    ("next-best", "with one item"),
    ("revenue", "without invite"),
]


async def test_what_is_too_heavy_says_what_would_be_lighter(world_with_store, subtests):
    """Fifteen insights, of which few have series: each names what it can take less of."""
    for insight, lighter in LIGHTER:
        with subtests.test(insight=insight):
            question = INSIGHTS[insight].schema.model_validate(ASKED.get(insight, {}))

            async with world_with_store.api.db.transaction(Context(workspace="acme")) as session:
                frame = await question.open_frame(session)
                with pytest.raises(TooHeavy) as refused:
                    await asking.ask(session, frame, TOO_MUCH, Binding())

            assert refused.value.detail.startswith(
                "This takes more memory than one query may. Ask for a shorter time, "
            )
            assert lighter in refused.value.detail


def test_every_insight_is_among_those_that_say_what_is_lighter():
    assert {each.schema.LIGHTER.split(",")[0] for each in INSIGHTS.values()} == {"a shorter time"}
