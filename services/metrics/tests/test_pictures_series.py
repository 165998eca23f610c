"""A KPI's numbers as JSON: by intervals of the calendar, as the picture has them, or of one length."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.pictures import rules

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
REPORTED = {"type": "reported"}
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
PATH = "/v1/kpis/k/series"


@pytest.mark.parametrize("measure", [COUNT, REPORTED])
async def test_a_series_has_a_point_for_every_interval(world, measure):
    await world.kpi(measure, target=3)
    start = world.now
    for seconds in (0, 1, 60, 61, 150):
        at = start + timedelta(seconds=seconds)
        world.api.clock.set(max(at, world.now))
        if measure is COUNT:
            await world.hear_now(world.received(at=at))
        else:
            await world.report(seconds, at)
    asked = {"from": start.isoformat(), "to": (start + timedelta(seconds=210)).isoformat(), "interval": "PT1M"}

    series = await world.get("/v1/kpis/k/series", **asked)

    assert [point["samples"] for point in series["points"]] == [2, 2, 1, 0], "each holds its first moment"
    expected = [2, 2, 1, 0] if measure is COUNT else [1, 61, 150, None]
    assert [point["value"] for point in series["points"]] == expected
    assert (series["points"][0]["from"], series["target"]) == (start.isoformat().replace("+00:00", "Z"), 3)
    for bad in ({"interval": "PT0.1S"}, {"interval": "PT0S"}, {"to": start.isoformat()}, {"interval": "x"}):
        assert (await world.send("GET", "/v1/kpis/k/series", params=asked | bad)).status_code == 422


@given(
    st.integers(0, 10**9),
    st.integers(1, 10**6),
    st.integers(1, 10**5),
)
def test_edges_cover_the_time_without_gaps(since, seconds, step):
    start = NOW + timedelta(seconds=since)
    end = start + timedelta(seconds=seconds)
    if seconds > 1_000 * step:
        with pytest.raises(Invalid):
            rules.even(start, end, timedelta(seconds=step))
        return
    edges = rules.even(start, end, timedelta(seconds=step))

    assert (edges[0], edges[-1]) == (start, end)
    lengths = [after - before for before, after in pairwise(edges)]
    assert all(timedelta() < length <= timedelta(seconds=step) for length in lengths)


def test_edges_are_cut_off_at_the_end():
    assert rules.even(NOW, NOW + 5 * SECOND, 2 * SECOND) == [NOW + n * SECOND for n in (0, 2, 4, 5)]
    assert rules.even(NOW, NOW + 4 * SECOND, 2 * SECOND) == [NOW + n * SECOND for n in (0, 2, 4)]
    assert len(rules.even(NOW, NOW + 1000 * SECOND, SECOND)) == 1001


@pytest.mark.parametrize(
    ("length", "step", "pointer", "detail"),
    [
        (timedelta(), SECOND, "/to", "has to be after from"),
        (-SECOND, SECOND, "/to", "has to be after from"),
        (DAY, SECOND / 2, "/interval", "is at least one second"),
        (1001 * SECOND, SECOND, "/interval", "makes 1001 intervals of this time; 1000 fit one answer"),
    ],
)
def test_edges_that_are_none_are_refused(length: timedelta, step: timedelta, pointer: str, detail: str):
    with pytest.raises(Invalid) as refused:
        rules.even(NOW, NOW + length, step)
    assert list(refused.value.errors) == [FieldError(pointer, detail)]


async def test_days_are_the_workspaces_and_the_last_is_in_it(world):
    """Two values of 21 November in Shanghai, which began at four in the afternoon before."""
    answer = await world.send(
        "PATCH", "/v1/workspace", json={"time_zone": "Asia/Shanghai"}, headers=await world.api.key()
    )
    assert answer.status_code == 200
    world.api.clock.set(NOW)
    await world.kpi()
    await world.report(3, datetime(2026, 11, 20, 16, tzinfo=UTC))
    await world.report(5, datetime(2026, 11, 21, 15, 59, tzinfo=UTC))
    days = {"from": "2026-11-20", "to": "2026-11-21"}

    found = [await world.get(PATH, **days, **asked) for asked in ({}, {"interval": "day"}, {"interval": "P1D"})]

    assert found[0] == found[1] == found[2]
    assert [(point["from"], point["to"], point["value"]) for point in found[0]["points"]] == [
        ("2026-11-19T16:00:00Z", "2026-11-20T16:00:00Z", None),
        ("2026-11-20T16:00:00Z", "2026-11-21T16:00:00Z", 5),
    ]


async def test_without_times_it_is_what_the_picture_shows(world):
    world.api.clock.set(NOW)
    await world.kpi()
    await world.report(7)

    found = await world.get(PATH)
    table = (await world.send("GET", f"{PATH}.csv")).text.splitlines()

    assert [(point["from"], point["to"]) for point in found["points"]] == [
        tuple(row.split(",")[:2]) for row in table[1:]
    ]
    assert (len(found["points"]), found["points"][-1]["value"]) == (30, 7)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"interval": "PT1H"}, "/query/from"),
        ({"from": "1800-01-01", "interval": "P1D"}, "/query/from"),
        ({"from": "2026-11-23", "to": "2026-11-21"}, "/query/to"),
        ({"from": "2026-02-30"}, "/query/from"),
        ({"interval": "year"}, "/query/interval"),
    ],
)
async def test_what_is_no_time_is_named(world, query, pointer):
    await world.kpi()
    answer = await world.send("GET", PATH, params=query)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
