"""Objectives of days that a zone left out, and of days at the ends of the calendar."""

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_metrics.objectives import service
from services.metrics.tests.goals import PATH, pointers


async def go_to(world, zone):
    admin = await world.api.key("metrics:admin")
    answer = await world.send("PATCH", "/v1/workspace", json={"time_zone": zone}, headers=admin)
    assert answer.status_code == 200, answer.text


def of(first, last):
    return {"title": "t", "from": first, "to": last}


@pytest.mark.parametrize(
    ("zone", "day"),
    [("Pacific/Apia", "2011-12-30"), ("Pacific/Kwajalein", "1993-08-21"), ("Pacific/Kiritimati", "1994-12-31")],
)
async def test_a_day_that_the_zone_left_out_has_passed(world, zone, day):
    await go_to(world, zone)

    made = await world.post(PATH, of(day, day))

    assert (made["pace"], made["from"], made["to"]) == (1, day, day)


async def test_a_day_that_another_zone_has_is_judged_in_one_that_left_it_out(world):
    made = await world.post(PATH, of("2011-12-30", "2011-12-30"))
    result = await world.post(f"{PATH}/{made['id']}/key-results", {"title": "r", "start": 0, "target": 1})
    await world.post(f"{PATH}/{made['id']}/key-results/{result['id']}/check-ins", {"value": 0.5, "confidence": 3})
    await go_to(world, "Pacific/Apia")
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await service.judge(session, (await session.scalars(text("SELECT id FROM objective"))).one())

    found = await world.get(f"{PATH}/{made['id']}")
    assert (found["pace"], found["state"], found["progress"]) == (1, "missed", 0.5)


FAR = [
    ("9999-12-31", "9999-12-31", ["/from", "/to"]),
    ("0001-01-01", "0001-01-01", ["/from", "/to"]),
    ("1899-12-31", "1900-01-01", ["/from"]),
    ("2200-12-31", "2201-01-01", ["/to"]),
    ("2026-02-30", "2026-03-01", ["/from"]),
]


async def test_days_far_from_ours_are_refused_by_name(world, subtests):
    for first, last, expected in FAR:
        for zone in ["UTC", "Asia/Shanghai"]:
            with subtests.test(first=first, zone=zone):
                await go_to(world, zone)

                answer = await world.send("POST", PATH, json=of(first, last))

                assert (answer.status_code, pointers(answer)) == (422, expected)


@pytest.mark.parametrize("day", ["1900-01-01", "2200-12-31"])
async def test_the_first_and_the_last_day_that_can_be_said_are_fine(world, day):
    await go_to(world, "Asia/Shanghai")

    assert (await world.post(PATH, of(day, day)))["from"] == day


@pytest.mark.parametrize(("first", "last"), [("0001-01-01", "0001-01-01"), ("9999-12-31", "9999-12-31")])
async def test_what_was_kept_before_days_had_bounds_is_judged(world, first, last):
    made = await world.post(PATH, of("2026-01-01", "2026-01-01"))
    await go_to(world, "Asia/Shanghai")
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        days = "UPDATE objective SET first_day = CAST(:first AS text)::date, last_day = CAST(:last AS text)::date RETURNING id"
        objective_id = (await session.scalars(text(days), {"first": first, "last": last})).one()
        await service.judge(session, objective_id)

    assert (await world.get(f"{PATH}/{made['id']}"))["from"] == first
