"""Use cases of persons: take in what messages say of them, tell the event store, and erase them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox, resources
from opsloop_common.access import audit
from opsloop_common.contracts.metrics import UserErased, UserIdentified
from opsloop_common.contracts.users import IDS_PER_ERASURE
from opsloop_common.db import context_of, ports_of
from opsloop_common.due.jobs import start_job
from opsloop_common.errors import NotFound
from opsloop_common.ids import uuid7
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import Precondition
from opsloop_metrics.capture.rules import Heard, person_id
from opsloop_metrics.people import queries, rules, writing
from opsloop_metrics.people.models import Person
from opsloop_metrics.people.rules import Absorbed, Verdict
from opsloop_metrics.ports import MetricsPorts

ERASE_JOB = "metrics.erase_person"
_ERASED = "metrics.erased_person"
get_user, has_any, share_intake = queries.get_user, queries.has_any, queries.share_intake
count_all, merged_into, called = queries.count_all, queries.merged_into, queries.called


async def absorb(session: AsyncSession, messages: Sequence[Heard]) -> Absorbed:
    """Give each message of the session's workspace its person, in the order in which they came, and keep what they say of persons.

    A block that tells nothing new of anybody costs two statements and locks nobody; any other a handful, whatever its size, and
    has the workspace's persons to itself until the transaction ends. An erasure waits for that end too: whoever writes the
    events before it has them erased as well. Hearing a block again changes nothing.
    """
    ids = rules.ids_of(messages)
    await queries.share_intake(session)
    aliases, persons = await queries.known(session, ids, with_traits=False)
    world = rules.World(context_of(session).workspace, aliases, persons)
    if all(map(world.is_settled, messages)):
        return Absorbed([Verdict(aliases[heard.message.distinct_id].person_id) for heard in messages])
    await queries.lock_persons(session)
    world = await _world(session, messages, ids)
    verdicts = [world.hear(heard) for heard in messages]
    changed, merges = await writing.write(session, world)
    outbox.end_streams(session, "person", world.merged().keys())
    for person in world.newly_identified():
        told = rules.told_traits(person.traits.values)
        outbox.append(session, UserIdentified(person_id=person.id, user_id=person.user_id, traits=told))
    living = [Verdict(each.person_id and world.living(each.person_id), each.reason) for each in verdicts]
    return Absorbed(living, changed, merges)


async def _world(session: AsyncSession, messages: Sequence[Heard], ids: Sequence[str]) -> rules.World:
    aliases, persons = await queries.known(session, ids, with_traits=True)
    erased = await erased_among(session, [id for id in ids if id not in aliases])
    named = rules.groups_of(messages)
    groups = await queries.known_groups(session, named) if named else {}
    return rules.World(context_of(session).workspace, aliases, persons, erased=erased, groups=groups)


async def erased_among(session: AsyncSession, ids: Collection[str]) -> frozenset[str]:
    """Return those of some ids whose person was erased from the session's workspace; erasures wait until the transaction ends.

    So whoever keeps what it says of the others has kept it before anybody hears that they were erased.
    """
    boxes = ports_of(session, MetricsPorts).secrets.with_each_key  # who was erased under an earlier key stays so
    digests = {_digest(session, id, box): id for box in boxes for id in ids}
    if not digests:
        return frozenset()
    await queries.share_intake(session)
    return frozenset(digests[digest] for digest in await queries.erased(session, list(digests)))


def _digest(session: AsyncSession, id: str, box: SecretBox | None = None) -> bytes:
    box = box or ports_of(session, MetricsPorts).secrets
    return box.digest(f"{context_of(session).workspace}\x00{id}".encode(), purpose=_ERASED)


async def who_are(session: AsyncSession, ids: Collection[str]) -> dict[str, tuple[UUID, str]]:
    """Return whom each of some ids stands for, and what they are called by; one that nobody was seen with stands for who it would make."""
    aliases, persons = await queries.known(session, list(ids), with_traits=False)
    called_by = {person.id: person.user_id for person in persons}
    workspace = context_of(session).workspace
    known = {id: (alias.person_id, called_by[alias.person_id]) for id, alias in aliases.items()}
    return {id: known.get(id) or (person_id(workspace, id), id) for id in sorted(ids)}


async def erase_user(session: AsyncSession, user_id: str, *, expected: Precondition) -> UUID:
    """Erase the person whom an id names; returns the job that takes the events. Raises NotFound, StaleVersion.

    Ids, traits, memberships and merges are gone with the transaction, and messages of these ids refused from then on.
    """
    await queries.lock_intake(session)
    return await _erase(session, await queries.lock_user(session, user_id, expected))


async def erase_unseen(session: AsyncSession, user_id: str, *, expected: Precondition) -> UUID:
    """Erase who goes by an id that no message told of and another room knows; returns the job. Raises NotFound for one who was erased.

    Within the transaction in which `erase_user` found nobody, which keeps the others waiting.
    """
    if await erased_among(session, [user_id]):  # the other rooms have not heard of it yet
        raise NotFound.of("user")
    expected.require_none()
    audit.record(session, "person.deleted", f"person/{person_id(context_of(session).workspace, user_id)}")
    return await _forget(session, user_id, [user_id], ())


async def erase_heard(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Erase those whom another service erased, and refuse what comes of their ids; of who is unknown only the latter is left."""
    await queries.lock_intake(session)
    for person in await queries.lock_users(session, user_ids):
        await _erase(session, person)
    await writing.bury(session, [_digest(session, id) for id in user_ids])


async def _erase(session: AsyncSession, person: Person) -> UUID:
    ids, merged = await queries.all_ids(session, person), await queries.all_merged(session, person)
    await resources.delete(session, person)
    return await _forget(session, person.user_id, ids, {person.id, *merged})


async def _forget(session: AsyncSession, user_id: str, ids: Sequence[str], persons: Collection[UUID]) -> UUID:
    await writing.bury(session, [_digest(session, id) for id in ids])
    erasure_id = uuid7()
    for start in range(0, len(ids), IDS_PER_ERASURE):
        some = list(ids[start : start + IDS_PER_ERASURE])
        outbox.append(session, UserErased(erasure_id=erasure_id, user_id=user_id, user_ids=some))
    outbox.end_streams(session, "erasure", [erasure_id])
    # what an id said that was never a person's is under the id that it would have made
    said = {person_id(context_of(session).workspace, id) for id in ids}
    every = sorted(map(str, {*persons, *said}))
    await outbox.forget(session, [told for id in every for told in (f"person/{id}", f"contact/{id}/internal")], ids)
    return await start_job(session, ERASE_JOB, {"person_ids": every})
