"""What the inbox makes of bytes, of consumers and of events that it has seen: one table a question."""

import json
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context, Database, context_of
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.inbox import holding, parking, pruning
from opsloop_common.inbox.apply import Applier, Outcome, context_for
from opsloop_common.inbox.delivery import Delivery, read
from opsloop_common.inbox.statement import claim_parameters, claim_sql
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.lanes import Statement
from opsloop_common.service import Service, Slice
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.sample.service import SAMPLE

BY = Context("acme", actor="key:admin")
CONSUMER = "sample.heard"


@pytest.fixture
async def database(make_database) -> Database:
    return await make_database(SAMPLE)


def paused(name="a", *, sequence=1, stream=None, workspace="acme", **options):
    data = CampaignPaused(campaign_id=stream or uuid4(), name=name)
    return make_event(data, sequence=sequence, workspace=workspace, **options)


def delivered(event):
    return Delivery(event.service, "here", event.to_bytes(), event)


async def nothing(session, events):
    return None


def heard(*, types=("*",), **handlers):
    return Subscription(CONSUMER, frozenset(types), **handlers)


def service_of(*subscriptions):
    slices = (Slice("heard", subscriptions=list(subscriptions)),)
    return Service(name="sample", title="", metadata=SAMPLE.metadata, migrations="", scopes=(), slices=slices)


class Heard:
    """A batch handler that remembers what came together, and raises what it is told for the names in `bad`."""

    def __init__(self, **bad):
        self.came, self.bad = [], bad

    async def __call__(self, session, events):
        self.came.append([event.data["name"] for event in events])
        for event in events:
            if (error := self.bad.get(event.data["name"])) is not None:
                raise error


def as_bytes(**changes):
    document = json.loads(paused("secret").to_bytes()) | changes
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "object"),
        (b"{}", "Field required"),
        (as_bytes(id="secret"), "id"),
        (as_bytes(sequence="secret"), "sequence"),
        (as_bytes(sequence=2**63), "sequence"),
        (as_bytes(workspace="a\0secret"), "NUL"),
        (as_bytes(partitionkey="a\0secret"), "NUL"),
        (as_bytes(actor="a\0secret"), "NUL"),
    ],
    ids=["empty", "binary", "list", "fields", "id", "sequence", "beyond", "workspace", "partitionkey", "actor"],
)
def test_bytes_that_are_no_event_say_why_and_are_not_repeated(body, fault):
    delivery = read(body, source="campaigns", origin="t[0]@7")

    assert delivery.event is None
    assert fault.lower() in delivery.fault.lower()
    assert "secret" not in delivery.fault
    assert (delivery.source, delivery.origin, delivery.body) == ("campaigns", "t[0]@7", body)


@pytest.mark.parametrize(
    "whole",
    [paused().to_bytes(), paused().to_bytes().decode(), as_bytes(sequence=2**63 - 1)],
    ids=["bytes", "text", "longest"],
)
def test_an_event_is_read_from_bytes_and_from_text(whole):
    delivery = read(whole, source="campaigns", origin="x")

    assert delivery.event.type == "campaign.paused"
    assert delivery.fault == ""


async def quick(database, events):
    return set()


@pytest.mark.parametrize(
    "handlers",
    [
        {},
        {"handler": nothing, "batch_handler": nothing},
        {"quick_handler": quick},
        {"handler": nothing, "quick_handler": quick},
    ],
)
def test_a_consumer_without_one_way_to_handle_is_refused(handlers):
    with pytest.raises(ValueError, match=CONSUMER):
        heard(**handlers)


@pytest.mark.parametrize(
    ("types", "type", "wanted"),
    [
        ({"a.b"}, "a.b", True),
        ({"a.b"}, "a.c", False),
        ({"*"}, "a.c", True),
        (set(), "a.b", False),
        ({"a.*"}, "a.b", False),
    ],
)
def test_a_consumer_gets_the_types_that_it_names(types, type, wanted):
    assert heard(types=types, handler=nothing).wants(type) is wanted


def test_only_a_handler_of_one_event_has_it_for_a_cause():
    event = paused(causationdepth=2, workspace="beta")

    one, many = (context_for(heard(**{way: nothing}), [event]) for way in ("handler", "batch_handler"))

    assert (one.workspace, one.causationid, one.causationdepth) == ("beta", str(event.id), 3)
    assert (many.workspace, many.causationid) == ("beta", None)


async def test_what_is_applied_is_remembered_by_consumer_and_forgotten_after_15_days(database):
    young, old = paused(), paused()
    await deliver(database, heard(batch_handler=nothing), young, old)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE inbox SET applied_at = now() - interval '15 days 1 minute' WHERE event_id = :id"),
            {"id": old.id},
        )
        assert await pruning.prune(session, limit=10) == 1
        assert await pruning.prune(session, limit=10) == 0

    assert await holding.applied_among(database, CONSUMER, [young.id, old.id]) == {young.id}
    assert await holding.applied_among(database, "sample.other", [young.id]) == set()


@pytest.mark.parametrize(
    ("ahead", "is_applied", "expected"), [(False, False, None), (True, False, True), (True, True, False)]
)
async def test_an_event_is_held_behind_a_parked_one_of_its_stream_alone(database, ahead, is_applied, expected):
    stream = uuid4()
    first, second = paused(stream=stream), paused(stream=stream, sequence=2)
    other = first if ahead else paused()
    if is_applied:
        await deliver(database, heard(batch_handler=nothing), second)
    await holding.park(database, CONSUMER, delivered(other), other, error=ValueError("no"), attempts=1)

    assert await holding.hold(database, CONSUMER, delivered(second), second) is expected
    assert await holding.hold(database, "sample.other", delivered(second), second) is None


async def test_parking_what_is_parked_changes_nothing_and_what_was_applied_is_not_parked(database):
    parked, applied = paused(), paused()
    await deliver(database, heard(batch_handler=nothing), applied)

    for reason in ("first", "again"):
        assert await holding.park(database, CONSUMER, delivered(parked), parked, error=ValueError(reason), attempts=2)
    assert not await holding.park(database, CONSUMER, delivered(applied), applied, error=ValueError("x"), attempts=1)

    (row,) = await parking.list_parked(database)
    assert (row.event_id, row.reason, row.attempts, row.status) == (parked.id, "ValueError: first", 2, "failed")


async def test_a_batch_knows_of_each_event_what_became_of_it(database):
    stream = uuid4()
    before, new, bad, behind, unwanted = (
        paused("before"),
        paused("new"),
        paused("bad", stream=stream),
        paused("behind", stream=stream, sequence=2),
        paused("unwanted").model_copy(update={"type": "from.the_future"}),
    )
    handler = Heard(bad=KeyError("bad"))
    subscription = heard(types={"campaign.paused"}, batch_handler=handler)
    applier = Applier(database, subscription, backoff=())
    await applier.apply(delivered(before))
    unreadable = read(b"{}", source="campaigns", origin="there")

    batch = [delivered(before), unreadable, delivered(new), delivered(bad), delivered(behind), delivered(unwanted)]
    outcomes = await applier.apply_batch(batch)

    assert outcomes == [
        Outcome.REPEATED,
        Outcome.PARKED,
        Outcome.APPLIED,
        Outcome.PARKED,
        Outcome.HELD,
        Outcome.IGNORED,
    ]
    assert await applier.apply_batch([]) == []


async def test_a_batch_waits_for_the_database_together(database):
    handler, pauses = Heard(), []

    async def twice_cut_off(session, events):
        await handler(session, events)
        if len(handler.came) <= 2:
            raise ConnectionResetError

    async def sleep(seconds):
        pauses.append(seconds)

    applier = Applier(database, heard(batch_handler=twice_cut_off), sleep=sleep)

    assert await applier.apply_batch([delivered(paused("a")), delivered(paused("b"))]) == [Outcome.APPLIED] * 2
    assert handler.came == [["a", "b"]] * 3
    assert len(pauses) == 2


async def test_the_quick_way_claims_by_itself_and_what_it_leaves_goes_the_usual_one(database):
    calls = []

    async def claims_nothing(database, events):
        calls.append(len(events))
        return set()

    applied = paused()
    await deliver(database, heard(batch_handler=nothing), applied)
    applier = Applier(database, heard(batch_handler=nothing, quick_handler=claims_nothing))

    assert await applier.apply(delivered(applied)) is Outcome.REPEATED
    assert calls == [1]


async def test_events_of_a_consumer_that_is_gone_stay_parked(database):
    event = paused()
    await holding.park(database, "sample.gone", delivered(event), event, error=ValueError("no"), attempts=1)

    done = await parking.redrive(database, service_of(heard(batch_handler=nothing)), by=BY)

    assert (done.applied, done.failed, done.remaining) == (0, 0, 1)


async def test_what_its_consumer_no_longer_wants_is_done_with_unhandled(database):
    event, handler = paused(), Heard()
    await holding.park(database, CONSUMER, delivered(event), event, error=ValueError("no"), attempts=1)

    done = await parking.redrive(database, service_of(heard(types={"kpi.breached"}, batch_handler=handler)), by=BY)

    assert ((done.applied, done.failed, done.remaining), handler.came) == ((1, 0, 0), [])
    assert await holding.applied_among(database, CONSUMER, [event.id]) == {event.id}


async def test_a_fault_that_passes_is_not_written_on_a_parked_event(database):
    event = paused("cut off")
    await holding.park(database, CONSUMER, delivered(event), event, error=ValueError("no"), attempts=1)
    cut_off = service_of(heard(batch_handler=Heard(**{"cut off": ConnectionResetError()})))

    with pytest.raises(ConnectionResetError):
        await parking.redrive(database, cut_off, by=BY, id=(await parking.list_parked(database))[0].id)

    (row,) = await parking.list_parked(database)
    assert (row.reason, row.attempts) == ("ValueError: no", 1)


async def test_a_parked_event_is_played_in_its_own_workspace_and_listed_by_it(database):
    where = []

    async def look(session, events):
        where.append(context_of(session).workspace)

    for workspace in ("acme", "beta"):
        event = paused(workspace=workspace)
        await holding.park(database, CONSUMER, delivered(event), event, error=ValueError("no"), attempts=1)
    subscription = heard(batch_handler=look)

    assert [group.failed for group in await parking.list_groups(database, workspace="beta")] == [1]
    assert [row.workspace for row in await parking.list_parked(database, workspace="beta")] == ["beta"]
    done = await parking.redrive(database, service_of(subscription), by=BY, workspace="beta")
    assert (done.applied, where) == (1, ["beta"])
    (first,) = await parking.list_parked(database)
    assert await parking.list_parked(database, after=first.id) == []


@pytest.mark.parametrize(("condition", "claims"), [("TRUE", 1), ("FALSE", 0), ("(SELECT NULL::boolean)", 0)])
async def test_a_statement_claims_only_where_its_condition_holds(database, condition, claims):
    event = paused()
    claim = Statement(f"WITH {ENTERED_SQL}, {claim_sql(only_if=condition)} SELECT event_id FROM claimed")

    for expected in (claims, 0):  # and never again
        rows = await database.lanes.fetch(claim, claim_parameters(CONSUMER, [event]))
        assert len(rows) == expected
    assert await deliver(database, heard(batch_handler=nothing), event) == 1 - claims
