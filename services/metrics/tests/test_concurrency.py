"""What happens at once: evaluations, changes, reports, keys."""

import asyncio
from uuid import UUID

from opsloop_common.db import Context
from opsloop_metrics.monitors import service

REPORTED = {"type": "reported"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}


async def evaluate(world, monitor_id):
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await service.evaluate(session, UUID(monitor_id))


async def test_evaluations_at_once_open_one_incident(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await world.report(11)

    await asyncio.gather(*[evaluate(world, monitor["id"]) for _ in range(8)])

    assert len(await world.told("kpi.breached")) == 1
    assert len((await world.get("/v1/breaches"))["items"]) == 1


async def test_changes_and_evaluations_at_once_leave_a_state_that_fits(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    path = f"/v1/kpis/k/monitors/{monitor['id']}"
    await world.report(11)

    answers = await asyncio.gather(
        *[evaluate(world, monitor["id"]) for _ in range(4)],
        *[world.send("PATCH", path, json={"enabled": place % 2 == 0}) for place in range(4)],
        *[world.send("POST", "/v1/kpis/k/values", json={"value": 11 + place}) for place in range(4)],
    )

    assert {answer.status_code for answer in answers if answer is not None} == {200, 201}
    opened, ended = await world.told("kpi.breached"), await world.told("kpi.recovered")
    open_now = (await world.get("/v1/breaches", state="open"))["items"]
    assert len(opened) - len(ended) == len(open_now) == (await world.state() == "breached")


async def test_deleting_while_it_is_evaluated_ends_well(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await world.report(11)

    *_, deleted = await asyncio.gather(
        *[evaluate(world, monitor["id"]) for _ in range(4)], world.send("DELETE", "/v1/kpis/k")
    )

    assert deleted.status_code == 204
    assert len(await world.told("kpi.breached")) == len(await world.told("kpi.recovered"))


async def test_one_of_many_gets_the_key(world):
    body = {"key": "k", "name": "A", "measure": REPORTED}
    answers = await asyncio.gather(*[world.send("POST", "/v1/kpis", json=body) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


async def test_the_target_is_reached_once_by_many(world):
    await world.kpi(target=10)
    await asyncio.gather(*[world.send("POST", "/v1/kpis/k/values", json={"value": 10 + place}) for place in range(6)])
    assert len(await world.told("kpi.target_reached")) == 1
