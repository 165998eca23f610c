"""Events are applied at most once per consumer, whatever is delivered again; the handler's work stands or falls with it."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, text

from opsloop_common import outbox
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.contracts.erasing import without
from opsloop_common.contracts.metrics import KpiBreached
from opsloop_common.inbox import parking
from opsloop_common.inbox.apply import Applier, Outcome, apply
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.inbox.tables import inbox
from opsloop_common.outbox.tables import outbox as outbox_table
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note


def paused(campaign_id=None, *, sequence=1, name="a", workspace="acme"):
    data = CampaignPaused(campaign_id=campaign_id or uuid4(), name=name)
    return make_event(data, sequence=sequence, workspace=workspace)


async def write_note(session, event):
    session.add(Note(workspace=event.workspace, text=event.data["name"]))
    outbox.append(session, CampaignPaused(campaign_id=uuid4(), name="follow-up"))


async def write_notes(session, events):
    for event in events:
        if event.data["name"] == "bad":
            raise ValueError("bad")
        session.add(Note(workspace=event.workspace, text=event.data["name"]))


SINGLE = Subscription("sample.single", frozenset({"campaign.paused"}), handler=write_note)
BATCH = Subscription("sample.batch", frozenset({"*"}), batch_handler=write_notes)


async def notes(database, workspace="acme"):
    async with database.transaction() as session:
        await session.execute(text("SELECT set_config('opsloop.workspace', :w, true)"), {"w": workspace})
        return list((await session.execute(select(Note.text).order_by(Note.id))).scalars())


async def inbox_rows(database):
    async with database.transaction() as session:
        return (await session.execute(select(func.count()).select_from(inbox))).scalar_one()


async def test_a_repeated_event_changes_nothing(make_database):
    database = await make_database(SAMPLE)
    event = paused()

    outcomes = [await apply(database, SINGLE, event) for _ in range(3)]

    assert outcomes == [Outcome.APPLIED, Outcome.REPEATED, Outcome.REPEATED]
    assert await notes(database) == ["a"]


async def test_twenty_deliveries_at_once_apply_once(make_database):
    database = await make_database(SAMPLE)
    event = paused()

    outcomes = await asyncio.gather(*[apply(database, SINGLE, event) for _ in range(20)])

    assert sorted(outcomes).count(Outcome.APPLIED) == 1
    assert await notes(database) == ["a"]


async def test_what_the_handler_appends_is_caused_by_the_event(make_database):
    database = await make_database(SAMPLE)
    event = paused()

    await apply(database, SINGLE, event)

    async with database.transaction() as session:
        row = (await session.execute(select(outbox_table))).one()
    assert f'"causationid":"{event.id}","causationdepth":1' in row.payload
    assert f'"correlationid":"{event.correlationid}"' in row.payload


async def test_an_event_about_somebody_who_was_erased_is_applied_and_handled_by_nobody(make_database):
    database = await make_database(SAMPLE)
    event = paused()
    event = event.model_copy(update={"data": event.data | {"user_id": "u1"}})
    about_nobody = without(event, ["u1"])

    assert [await apply(database, each, about_nobody) for each in (SINGLE, SINGLE, BATCH)] == [
        Outcome.APPLIED,
        Outcome.REPEATED,
        Outcome.APPLIED,
    ]
    assert await notes(database) == []
    other = paused().model_copy(update={"data": about_nobody.data})
    assert await apply(database, SINGLE, other) is Outcome.APPLIED
    assert await notes(database) == ["a"], "only by the event's own name: nobody else makes an event pass for one"


async def test_types_that_nobody_wants_leave_no_trace(make_database):
    database = await make_database(SAMPLE)
    event = paused().model_copy(update={"type": "campaign.from_the_future"})

    assert await apply(database, SINGLE, event) is Outcome.IGNORED
    assert await inbox_rows(database) == 0


async def test_a_batch_is_one_transaction_per_workspace_and_finds_the_failing_event(make_database):
    database = await make_database(SAMPLE)
    events = [paused(name="a"), paused(name="bad"), paused(name="b"), paused(name="c", workspace="other")]
    applier = Applier(database, BATCH, backoff=(0.0, 0.0))

    deliveries = [Delivery("campaigns", f"t@{i}", e.to_bytes(), e) for i, e in enumerate(events)]
    first = await applier.apply_batch(deliveries)
    again = await applier.apply_batch(deliveries)

    assert first == [Outcome.APPLIED, Outcome.PARKED, Outcome.APPLIED, Outcome.APPLIED]
    assert again == [Outcome.REPEATED, Outcome.HELD, Outcome.REPEATED, Outcome.REPEATED]
    assert await notes(database) == ["a", "b"]
    assert await notes(database, "other") == ["c"]


async def test_the_same_event_twice_in_one_batch_counts_once(make_database):
    database = await make_database(SAMPLE)
    event = paused()
    other = paused(name="b")
    applier = Applier(database, BATCH)

    outcomes = await applier.apply_batch([Delivery("campaigns", "t", e.to_bytes(), e) for e in (event, event, other)])

    assert outcomes == [Outcome.APPLIED, Outcome.REPEATED, Outcome.APPLIED]
    assert await notes(database) == ["a", "b"]


async def test_tries_are_counted_but_waiting_for_the_database_is_not(make_database):
    database = await make_database(SAMPLE)
    seen = []

    async def fail_twice_then_transient(session, event):
        seen.append(event.id)
        if len(seen) <= 2:
            raise KeyError("not yet")
        if len(seen) <= 12:
            raise ConnectionResetError

    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    subscription = Subscription("sample.flaky", frozenset({"*"}), handler=fail_twice_then_transient)
    event = paused()
    outcome = await Applier(database, subscription, sleep=sleep).apply(
        Delivery("campaigns", "t", event.to_bytes(), event)
    )

    assert outcome is Outcome.APPLIED
    assert len(seen) == 13
    assert pauses[:2] == [0.2, 1.0]
    assert max(pauses[2:]) == 5.0


async def test_a_malformed_payload_is_parked_at_once(make_database):
    database = await make_database(SAMPLE)
    calls = []

    async def parse(session, event):
        calls.append(event)
        event.parse(KpiBreached)

    subscription = Subscription("sample.strict", frozenset({"*"}), handler=parse)

    assert await apply(database, subscription, paused()) is Outcome.PARKED
    assert len(calls) == 1


async def test_deliver_raises_what_the_handler_raises(make_database):
    database = await make_database(SAMPLE)
    good, bad = paused(), paused(name="bad")

    assert await deliver(database, BATCH, good, good) == 1
    with pytest.raises(ValueError, match="bad"):
        await deliver(database, BATCH, bad)
    assert await deliver(database, BATCH, good) == 0
    assert await notes(database) == ["a"]


async def test_a_fault_that_hits_every_event_is_waited_for_only_once(make_database):
    database = await make_database(SAMPLE)
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    async def fail(session, event):
        raise KeyError("always")

    applier = Applier(database, Subscription("sample.broken", frozenset({"*"}), handler=fail), sleep=sleep)
    for _ in range(3):
        event = paused()
        assert await applier.apply(Delivery("campaigns", "t", event.to_bytes(), event)) is Outcome.PARKED

    assert pauses == [0.2, 1.0, 5.0] + [0.0] * 6


async def test_what_is_kept_of_a_database_error_has_no_values_in_it(make_database):
    database = await make_database(SAMPLE)
    campaign_id = uuid4()

    async def collide(session, event):
        for _ in range(2):
            await session.execute(insert(Note).values(id=campaign_id, workspace="acme", text="secret", version=1))

    subscription = Subscription("sample.colliding", frozenset({"*"}), handler=collide)
    event = paused()
    await Applier(database, subscription, backoff=()).apply(Delivery("campaigns", "t", event.to_bytes(), event))

    (row,) = await parking.list_parked(database)
    assert "duplicate key" in row.reason
    assert "secret" not in row.reason
    assert str(campaign_id) not in row.reason
