"""Whose trace a monitor's look is part of."""

from __future__ import annotations

from sqlalchemy import text

from opsloop_common.telemetry.traceparent import is_same_trace

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MEASURED = {"type": "events", "event": "feedback.received", "aggregate": "count"}


async def traceparent_of_the_next_look(world):
    async with world.api.db.transaction() as session:
        found = await session.execute(text("SELECT context ->> 'traceparent' FROM due WHERE kind = 'metrics.evaluate'"))
        return found.scalar_one()


async def test_a_look_is_part_of_the_newest_event_s_trace_and_the_look_after_it_of_none(world):
    await world.kpi(MEASURED)
    await world.monitor({"type": "threshold", "operator": "ge", "value": 3}, window="PT1H")
    await world.tick()

    await world.hear_now(world.received(), world.received().model_copy(update={"traceparent": SAMPLED}))
    first = await traceparent_of_the_next_look(world)
    await world.tick(1)
    then = await traceparent_of_the_next_look(world)

    assert is_same_trace(first, SAMPLED)
    assert then is None


async def test_a_look_that_comes_of_itself_goes_on_in_no_trace(world):
    await world.kpi()
    await world.monitor({"type": "threshold", "operator": "ge", "value": 3})
    answer = await world.send(
        "POST", "/v1/kpis/k/values", json={"value": 5}, headers=world.headers | {"traceparent": SAMPLED}
    )
    assert answer.status_code == 201
    first = await traceparent_of_the_next_look(world)

    await world.tick(1)

    assert is_same_trace(first, SAMPLED)
    assert await traceparent_of_the_next_look(world) is None
