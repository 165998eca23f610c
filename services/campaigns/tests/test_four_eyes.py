"""Nobody says anything to people on their own: approval follows the person or key behind every step."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from opsloop_campaigns.lifecycle import service as lifecycle
from opsloop_campaigns.playbooks import service as playbooks
from opsloop_common.access import keys, kinship
from opsloop_common.db import Context
from opsloop_common.versions import ANY_VERSION

MESSAGE = {"channel": "email", "locale": "en", "subject": "We are on it", "body": "We saw the crash."}
LAUNCH = {"name": "We are on it", "audience": {"user_ids": ["u1", "u2"]}, "messages": [MESSAGE]}
PLAYBOOK = {"name": "Say sorry", "on": "kpi.breached", "requires_approval": False, "launch": LAUNCH}


async def _playbook(world, *, by, **fields) -> dict:
    return await world.ok("POST", "/v1/playbooks", PLAYBOOK | fields, by=by)


async def _writer(world, name: str = "writer") -> dict[str, str]:
    return await world.api.key("campaigns:read", "campaigns:write", name=name)


async def _approve(world, id: str, *, by, status: str = "approved", **headers):
    return await world.call("PUT", f"/v1/playbooks/{id}/approval", {"status": status}, by=by, **headers)


async def _approval(world, id: str) -> str:
    return (await world.ok("GET", f"/v1/playbooks/{id}"))["approval"]["status"]


async def _campaigns_of(world, id: str) -> list[dict]:
    return (await world.ok("GET", f"/v1/campaigns?playbook_id={id}"))["items"]


async def test_a_key_that_may_not_approve_itself_launches_nothing_through_a_playbook(world):
    writer = await _writer(world)
    playbook = await _playbook(world, by=writer)

    refused = await _approve(world, playbook["id"], by=writer)
    await world.hear(world.breach())
    await world.run_due()

    assert (playbook["enabled"], playbook["approval"]["status"]) == (True, "pending")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2].rpartition(":")[2]) == (409, "self_approval")
    [campaign] = await _campaigns_of(world, playbook["id"])
    assert (campaign["status"], campaign["held_by"]) == ("pending_approval", "playbook_approval")
    assert (await world.put(campaign["id"], "approved", by=writer)).status_code == 409
    assert await world.requested() == []
    [run] = (await world.ok("GET", f"/v1/playbooks/{playbook['id']}/runs"))["items"]
    assert (run["outcome"], run["campaign_id"]) == ("held", campaign["id"])
    [asked] = await world.events("campaign.approval_requested")
    assert asked.data["held_by"] == "playbook_approval"


async def test_somebody_else_lets_a_held_campaign_and_the_playbook_go(world):
    writer = await _writer(world)
    id = (await _playbook(world, by=writer))["id"]
    await world.hear(world.breach())
    [held] = await _campaigns_of(world, id)

    approved = await _approve(world, id, by=world.approver)
    assert [one["status"] for one in await _campaigns_of(world, id)] == ["pending_approval"]
    resumed = await world.put(held["id"], "approved", by=world.approver)
    await world.hear(world.breach())
    await world.run_due()

    approver = await world.actor(world.approver)
    assert approved.json()["approval"]["approved_by"] == approver
    assert (resumed.json()["status"], resumed.json()["approved_by"]) == ("running", approver)
    assert [(one["status"], one["approved_by"]) for one in await _campaigns_of(world, id)] == [
        ("running", approver)
    ] * 2
    assert len(await world.requested()) == 2


async def test_what_a_playbook_wants_was_written_by_who_wrote_the_playbook(world):
    writer, editor = await _writer(world), await _writer(world, "editor")
    id = (await _playbook(world, by=writer, requires_approval=True))["id"]
    await world.ok("PATCH", f"/v1/playbooks/{id}", {"cooldown": "PT1M"}, by=editor)
    await world.hear(world.breach())
    [campaign] = await _campaigns_of(world, id)

    refused = [(await world.put(campaign["id"], "approved", by=who)).status_code for who in (writer, editor)]

    assert refused == [409, 409]
    assert campaign["writers"] == [await world.actor(writer), await world.actor(editor)]
    assert campaign["author"] == await world.actor(writer)
    assert (await world.put(campaign["id"], "approved", by=world.approver)).status_code == 200
    assert await _approval(world, id) == "not_required"
    assert (await _approve(world, id, by=world.approver)).status_code == 409


CONTENT = [
    {"on": "kpi.recovered"},
    {"when": [{"field": "data.kpi", "op": "eq", "value": "csat"}]},
    {"cooldown": "PT1S"},
    {"launch": LAUNCH | {"audience": {"user_ids": ["everybody"]}}},
    {"launch": LAUNCH | {"messages": [MESSAGE | {"body": "Buy!"}]}},
]


@pytest.mark.parametrize("change", CONTENT)
async def test_a_change_of_what_it_does_takes_the_approval_back(world, change):
    writer = await _writer(world)
    id = (await _playbook(world, by=writer))["id"]
    await _approve(world, id, by=world.approver)

    for harmless in ({"name": "Another"}, {"enabled": False}, {"enabled": True}):
        await world.ok("PATCH", f"/v1/playbooks/{id}", harmless, by=writer)
    assert await _approval(world, id) == "approved"
    await world.ok("PATCH", f"/v1/playbooks/{id}", change, by=world.approver)

    assert await _approval(world, id) == "pending"
    # who edited it is a writer from now on, also who approved it before
    assert [(await _approve(world, id, by=who)).status_code for who in (writer, world.approver)] == [409, 409]
    third = await _writer(world, "third")
    assert (await _approve(world, id, by=third)).status_code == 200


async def test_to_ask_for_no_approval_any_more_needs_one(world):
    writer = await _writer(world)
    id = (await _playbook(world, by=writer, requires_approval=True))["id"]

    await world.ok("PATCH", f"/v1/playbooks/{id}", {"requires_approval": False}, by=writer)
    await world.hear(world.breach())

    assert await _approval(world, id) == "pending"
    assert await world.requested() == []


async def test_an_admins_word_counts_for_what_the_admin_wrote(world):
    admin, writer = world.author, await _writer(world)
    own = (await _playbook(world, by=admin))["id"]
    others = (await _playbook(world, by=writer))["id"]

    await world.ok("PATCH", f"/v1/playbooks/{own}", {"cooldown": "PT1M"}, by=admin)
    await world.ok("PATCH", f"/v1/playbooks/{others}", {"cooldown": "PT1M"}, by=admin)
    assert (await _approval(world, own), await _approval(world, others)) == ("approved", "pending")
    assert (await _approve(world, others, by=admin)).json()["approval"]["approved_by"] == await world.actor(admin)

    await world.ok("PATCH", f"/v1/playbooks/{own}", {"cooldown": "PT2M"}, by=writer)
    assert await _approval(world, own) == "pending"
    rows = (await world.ok("GET", "/v1/audit"))["items"]
    [changed] = [row for row in rows if row["action"] == "playbook.approval_changed"]
    assert (changed["before"], changed["after"]["approval"]) == ({"approval": "pending"}, "approved")


async def test_an_approval_names_the_version_that_was_seen_and_can_be_taken_back(world):
    writer = await _writer(world)
    id = (await _playbook(world, by=writer))["id"]
    seen = (await world.call("GET", f"/v1/playbooks/{id}")).headers["etag"]
    await world.ok("PATCH", f"/v1/playbooks/{id}", {"cooldown": "PT1S"}, by=writer)

    assert (await _approve(world, id, by=world.approver, If_Match=seen)).status_code == 412
    assert (await _approve(world, id, by=world.approver)).headers["etag"] == '"3"'
    assert (await _approve(world, id, by=world.approver)).headers["etag"] == '"3"'
    assert [one["id"] for one in (await world.ok("GET", "/v1/playbooks?approval=approved"))["items"]] == [id]
    assert (await _approve(world, id, by=writer, status="pending")).json()["approval"]["status"] == "pending"
    assert [one["id"] for one in (await world.ok("GET", "/v1/playbooks?approval=pending"))["items"]] == [id]
    assert (await _approve(world, id, by=writer, status="not_required")).status_code == 422


async def test_a_workspace_may_allow_self_approval_of_playbooks(world):
    await world.ok("PATCH", "/v1/workspace", {"allow_self_approval": True})

    playbook = await _playbook(world, by=await _writer(world))
    await world.hear(world.breach())

    assert playbook["approval"]["status"] == "approved"
    assert [one["status"] for one in await _campaigns_of(world, playbook["id"])] == ["running"]


async def test_every_editor_stays_a_writer(world):
    first, second, third = [await _writer(world, name) for name in ("first", "second", "third")]
    id = (await world.ok("POST", "/v1/campaigns", LAUNCH, by=first))["id"]
    await world.put(id, "pending_approval", by=first)
    for who, subject in ((second, "second"), (third, "third")):
        await world.ok("PATCH", f"/v1/campaigns/{id}", {"messages": [MESSAGE | {"subject": subject}]}, by=who)

    refused = [(await world.put(id, "approved", by=who)).status_code for who in (first, second, third)]

    assert refused == [409, 409, 409]
    assert (await world.put(id, "approved", by=world.approver)).status_code == 200
    # the approver edits, the author wants to approve: neither may
    await world.ok("PATCH", f"/v1/campaigns/{id}", {"messages": [MESSAGE | {"subject": "4"}]}, by=world.approver)
    refused = [(await world.put(id, "approved", by=who)).status_code for who in (first, world.approver)]
    assert refused == [409, 409]


async def test_a_copy_keeps_who_wrote_what_nobody_else_has_approved(world):
    writer, helper = await _writer(world), await _writer(world, "helper")
    id = (await world.ok("POST", "/v1/campaigns", LAUNCH, by=writer))["id"]
    unseen = (await world.ok("POST", f"/v1/campaigns/{id}/duplicate", by=helper))["id"]
    await world.put(id, "pending_approval", by=writer)
    assert (await world.put(id, "approved", by=world.approver)).status_code == 200
    seen = (await world.ok("POST", f"/v1/campaigns/{id}/duplicate", by=helper))["id"]

    for copy in (unseen, seen):
        await world.put(copy, "pending_approval", by=helper)

    assert (await world.put(unseen, "approved", by=writer)).status_code == 409
    assert (await world.put(seen, "approved", by=writer)).status_code == 200


async def test_a_key_that_the_author_made_is_the_authors(world):
    id = await world.draft()  # by an admin
    await world.move(id, "pending_approval")
    body = {"name": "child", "scopes": ["campaigns:read", "campaigns:write", "campaigns:admin"]}
    child = {"Authorization": f"Bearer {(await world.ok('POST', '/v1/api-keys', body))['key']}"}
    made = await world.ok("POST", "/v1/api-keys", body | {"name": "grandchild"}, by=child)
    grandchild = {"Authorization": f"Bearer {made['key']}"}

    refused = [(await world.put(id, "approved", by=who)).status_code for who in (child, grandchild)]
    assert refused == [409, 409]
    # the other way round the maker is somebody else: an admin hands out keys
    theirs = (await world.ok("POST", "/v1/campaigns", LAUNCH, by=grandchild))["id"]
    await world.put(theirs, "pending_approval", by=grandchild)
    assert (await world.put(theirs, "approved", by=child)).status_code == 200


async def test_a_key_of_the_same_source_is_the_same_hand(world):
    old, new = await _writer(world, "newsletter"), await _writer(world, "Newsletter")
    id = (await world.ok("POST", "/v1/campaigns", LAUNCH, by=old))["id"]
    await world.put(id, "pending_approval", by=old)

    assert (await world.put(id, "approved", by=new)).status_code == 409
    elsewhere = await world.api.key(name="newsletter", workspace="other")
    assert (await world.put(id, "approved", by=elsewhere)).status_code == 404


async def test_all_keys_descend_from_the_operators(world):
    async with world.api.db.transaction(Context("acme", actor="key:operator")) as session:
        token = await keys.create(session, name="made by the operator", scopes=["campaigns:write"], workspace="acme")
    async with world.api.db.transaction(Context("acme", actor="user:ann")) as session:
        by_ann = await keys.create(session, name="made by ann", scopes=["campaigns:write"], workspace="acme")

    async with world.api.db.transaction(Context("acme")) as session:
        assert await kinship.same_hand(session, f"key:{token.id}") == {f"key:{token.id}"}
        assert await kinship.same_hand(session, f"key:{by_ann.id}") == {f"key:{by_ann.id}", "user:ann"}
        assert await kinship.same_hand(session, "user:ann") == {"user:ann"}
        assert await kinship.same_hand(session, "key:operator") == {"key:operator"}


async def test_the_operators_one_key_closes_the_loop(world):
    playbook = await world.ok("POST", "/v1/playbooks", PLAYBOOK, by=world.api.operator)

    await world.hear(world.breach(workspace="default"))

    assert playbook["approval"] | {"approved_at": None} == {
        "status": "approved",
        "approved_by": "key:operator",
        "approved_at": None,
    }
    [campaign] = (await world.ok("GET", "/v1/campaigns", by=world.api.operator))["items"]
    assert campaign["status"] == "running"


async def test_a_workspace_has_so_many_playbooks_and_no_more(world, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.PLAYBOOKS_PER_WORKSPACE", 2)
    for _ in range(2):
        await _playbook(world, by=world.author)

    refused = await world.call("POST", "/v1/playbooks", PLAYBOOK)

    assert (refused.status_code, refused.json()["title"]) == (409, "Too many")


async def _approved_during_an_edit(world, path: str, status: str, edit) -> httpx.Response:
    """Ask for an approval while an edit that has the row's lock is under way, and return what the approver is told."""
    waiting = text(
        "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
        "WHERE NOT l.granted AND a.datname = current_database()"
    )
    async with world.api.db.transaction(Context(workspace="acme", actor="key:editor")) as session:
        await edit(session)
        await session.flush()
        asked = asyncio.create_task(world.call("PUT", path, {"status": status}, by=world.approver))
        async with asyncio.timeout(30), world.api.db.autocommit() as watcher:
            while not await watcher.scalar(waiting):  # noqa: ASYNC110 the condition is in the database
                await asyncio.sleep(0.01)
    return await asked


async def test_nobody_approves_what_is_being_edited_at_that_moment(world):
    campaign = await world.draft()
    await world.move(campaign, "pending_approval")
    playbook = (await _playbook(world, by=await _writer(world)))["id"]
    words = {"messages": [MESSAGE | {"body": "Something else."}]}

    async def edit_campaign(session):
        await lifecycle.edit_campaign(session, UUID(campaign), words, expected=ANY_VERSION)

    async def edit_playbook(session):
        launch = {"launch": {"name": "x", "user_ids": ["u1"], **words}}
        await playbooks.edit_playbook(session, UUID(playbook), launch, expected=ANY_VERSION, is_admin=False)

    for path, edit in (
        (f"/v1/campaigns/{campaign}/status", edit_campaign),
        (f"/v1/playbooks/{playbook}/approval", edit_playbook),
    ):
        answer = await _approved_during_an_edit(world, path, "approved", edit)
        assert (answer.status_code, "has just been changed" in answer.json()["detail"]) == (409, True), answer.text

    assert await world.status(campaign) == "pending_approval"
    assert await _approval(world, playbook) == "pending"
    assert (await world.put(campaign, "approved", by=world.approver)).status_code == 200
    assert (await _approve(world, playbook, by=world.approver)).status_code == 200
