"""A batch does its long work before its transaction: none waits for a turn while it holds a connection."""

from __future__ import annotations

import asyncio

from opsloop_common.db import Context
from opsloop_common.turns import turn
from opsloop_feedback.intake import service
from opsloop_feedback.submissions.rules import Submission

ITEMS = [{"body": "It crashes.", "external_id": str(n)} for n in range(50)]


async def test_a_batch_that_waits_for_its_turn_holds_no_connection(desk):
    await desk.post()
    headers = desk.agent | {"Idempotency-Key": "k"}
    async with turn("acme"):
        asked = asyncio.create_task(desk.client.post("/v1/feedback:batch", json={"items": ITEMS}, headers=headers))
        await asyncio.sleep(0.2)  # whatever it does without a turn
        held, is_waiting = desk.api.db.engine.pool.checkedout(), not asked.done()
    first = await asked
    again = await desk.client.post("/v1/feedback:batch", json={"items": ITEMS}, headers=headers)

    assert (held, is_waiting) == (0, True)
    assert {item["status"] for item in first.json()["items"]} == {"created"}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()


async def test_a_transaction_waits_for_no_turn(desk):
    said = [Submission(body="It crashes.", source="s", external_id=str(n)) for n in range(50)]
    prepared = await service.prepare(said, {}, workspace="acme", now=desk.api.clock.now())

    async with turn("acme"), asyncio.timeout(10), desk.api.db.transaction(Context("acme")) as session:
        taken = await service.submit_many(session, prepared)

    assert [created for _, created in taken] == [True] * 50


async def test_known_posts_of_a_batch_are_not_sorted_again(desk, monkeypatch):
    first = await desk.client.post("/v1/feedback:batch", json={"items": ITEMS}, headers=desk.agent)
    sorted_again = []
    new_row = service.rules.new_row
    monkeypatch.setattr(
        service.rules, "new_row", lambda said, **more: sorted_again.append(said) or new_row(said, **more)
    )

    items = [*ITEMS, {"body": "new", "external_id": "new"}, {"body": "newer", "external_id": "new"}]
    again = (await desk.client.post("/v1/feedback:batch", json={"items": items}, headers=desk.agent)).json()["items"]

    assert [item["status"] for item in again] == ["existing"] * 50 + ["created", "existing"]
    assert [item["id"] for item in again[:50]] == [item["id"] for item in first.json()["items"]]
    assert again[50]["id"] == again[51]["id"]
    assert [said.body for said in sorted_again] == ["new"]
