"""Somebody was erased: no campaign and no playbook names them, and what became of everybody still adds up."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_campaigns.lifecycle import service as lifecycle
from opsloop_campaigns.playbooks.consumers import ERASURES as IN_PLAYBOOKS
from opsloop_campaigns.recipients.rules import RecipientOutcome
from opsloop_campaigns.sending.consumers import ERASURES
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event


def erased(*user_ids, **envelope):
    return make_event(UserErased(erasure_id=uuid4(), user_id=user_ids[0], user_ids=list(user_ids)), **envelope)


async def written(world):
    """Return all that campaigns and their recipients hold, as text."""
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        rows = await session.execute(
            text(
                "SELECT c::text FROM campaign AS c UNION ALL SELECT r::text FROM recipient AS r "
                "UNION ALL SELECT p::text FROM playbook AS p"
            )
        )
        return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("page", [1, 2, 1_000])
async def test_nobody_is_named_wherever_a_campaign_stands(world, monkeypatch, page):
    monkeypatch.setattr(lifecycle, "PAGE", page)
    draft = await world.draft(["MARK", "u1", "u2"])
    running = await world.launched(["MARK", "u1"])
    await world.run_due()
    waiting = await world.launched(["MARK", "u9"])

    assert await deliver(world.api.db, ERASURES, erased("MARK", "other id")) == 1

    assert "MARK" not in await written(world)
    campaign = await world.ok("GET", f"/v1/campaigns/{draft}")
    assert (campaign["audience"]["user_ids"], campaign["audience_size"]) == (["u1", "u2"], 2)
    for id, open_ in ((running, RecipientOutcome.REQUESTED), (waiting, RecipientOutcome.PENDING)):
        results = await world.results(id)
        assert (results["audience_size"], sum(results["by_status"].values())) == (2, 2)
        assert (results["by_status"]["cancelled"], results["by_status"][open_]) == (1, 1)
        assert results["by_reason"] == {"erased": 1}


async def test_a_campaign_that_only_waited_for_them_is_finished(world):
    id = await world.launched(["MARK", "u1"])
    await world.run_due()
    [request] = await world.requested()
    await world.report(world.sent(request, "u1"))
    assert await world.status(id) == "running"

    for _ in range(2):
        await deliver(world.api.db, ERASURES, erased("MARK"))

    assert await world.status(id) == "finished"
    await world.report(world.sent(request, "MARK"))  # late: the mail had gone
    assert (await world.results(id))["by_status"]["sent"] == 1
    assert "MARK" not in await written(world)


async def test_those_after_them_are_told_once_all_the_same(world):
    crowd = [f"u{n:04}" for n in range(600)]
    id = await world.launched(crowd)
    await world.run_chunk(id)

    await deliver(world.api.db, ERASURES, erased("u0499"))  # up to whom everybody was requested
    await world.run_due()

    told = [user_id for request in await world.requested() for user_id in request.data["user_ids"]]
    assert sorted(told) == [user_id for user_id in crowd if user_id != "u0499"], (
        "who was told of before is forgotten there"
    )
    assert (await world.results(id))["by_status"]["requested"] == 599


async def test_a_foreign_workspace_keeps_its_own(world):
    await world.draft(["MARK"])

    await deliver(world.api.db, ERASURES, erased("MARK", workspace="other"))

    assert "MARK" in await written(world)


@pytest.mark.parametrize(("people", "is_enabled"), [(["MARK", "u1"], True), (["MARK"], False)])
async def test_playbooks_tell_them_nothing_and_one_for_nobody_is_switched_off(world, people, is_enabled):
    message = {"channel": "email", "locale": "en", "subject": "s", "body": "b"}
    launch = {"name": "x", "audience": {"user_ids": people}, "messages": [message]}
    playbook = await world.ok("POST", "/v1/playbooks", json={"name": "p", "on": "kpi.breached", "launch": launch})

    for _ in range(2):
        await deliver(world.api.db, IN_PLAYBOOKS, erased("MARK"))

    left = await world.ok("GET", f"/v1/playbooks/{playbook['id']}")
    assert left["launch"]["audience"]["user_ids"] == people[1:]
    assert left["enabled"] is is_enabled
    assert "MARK" not in await written(world)
