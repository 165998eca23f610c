"""Use cases of segments: describe, change, list by hand, try out; and one step of a refresh, which is one bucket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints, outbox, resources, workspaces
from opsloop_common.db import clock_of, context_of, ports_of, settle
from opsloop_common.deadline import stopped
from opsloop_common.due.jobs import LongRun, cancel_job, start_job
from opsloop_common.due.schedule import schedule
from opsloop_common.errors import Conflict, TooMany
from opsloop_common.limits import SEGMENT_LISTED, SEGMENTS_PER_WORKSPACE
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_metrics.cohorts import rules as cohorts
from opsloop_metrics.cohorts import service as evaluating
from opsloop_metrics.cohorts.rules import Bucket, Definition
from opsloop_metrics.cohorts.service import Evaluation, Known
from opsloop_metrics.people import service as people
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.segments import queries, rules, writing
from opsloop_metrics.segments.models import Segment, SegmentMember
from opsloop_metrics.segments.queries import Compared
from opsloop_metrics.segments.rules import Difference, SegmentKind
from opsloop_metrics.store.port import TooHeavy

REFRESH_JOB = "metrics.refresh_segment"
FORGET = "metrics.forget_segment"
FORGET_BATCH = 10_000
PREVIEW_SECONDS, QUESTION_SECONDS = 5.0, 10.0
SAMPLE = 50
lock_segment, has_listed = queries.lock_segment, queries.has_listed


async def create_segment(
    session: AsyncSession,
    *,
    name: str,
    description: str | None,
    kind: SegmentKind,
    definition: Mapping[str, Any] | None,
) -> Segment:
    """Describe a segment and begin to fill it, or make an empty list. Raises Invalid, Conflict, TooMany."""
    rules.require_fitting(kind, {"definition": definition})
    await workspaces.lock(session)  # definitions change one after the other: two at once could close a ring
    asked = await queries.asked(session)
    if len(asked) >= SEGMENTS_PER_WORKSPACE:
        raise TooMany(f"A workspace has at most {SEGMENTS_PER_WORKSPACE} segments.")
    cohorts.require_no_cycle(None, cohorts.asked_by(definition), asked)
    segment = resources.create(
        session,
        Segment,
        name=name,
        description=description,
        kind=kind,
        definition=None if definition is None else dict(definition),
        size=0,
        bucket=0,
        is_stale=kind is SegmentKind.DYNAMIC,
    )
    if kind is SegmentKind.DYNAMIC:
        await ports_of(session, MetricsPorts).feed.begin(session)
        await _start(session, segment)
    return segment


async def change_segment(
    session: AsyncSession, segment_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Segment:
    """Change a segment; another definition is refreshed at once. Raises NotFound, StaleVersion, Invalid, Conflict."""
    if "definition" in changes:
        await workspaces.lock(session)
    segment = await queries.lock_segment(session, segment_id, expected)
    rules.require_fitting(SegmentKind(segment.kind), changes)
    with changing(session, segment, changes) as before:
        if "definition" in before:
            asks_for = cohorts.asked_by(segment.definition)
            asked = await queries.asked(session) | {segment.id: frozenset[UUID]()}
            cohorts.require_no_cycle(segment.id, asks_for, asked)
            segment.is_stale, segment.as_of, segment.buckets, segment.bucket = True, None, None, 0
            await _start(session, segment)
    return segment


async def delete_segment(session: AsyncSession, segment_id: UUID, *, expected: Precondition) -> None:
    """Throw a segment away; its members go little by little, and nobody is told that they left. Raises NotFound, StaleVersion, Conflict."""
    await workspaces.lock(session)
    segment = await queries.lock_segment(session, segment_id, expected)
    if asking := [each for each, asks_for in (await queries.asked(session)).items() if segment.id in asks_for]:
        name = (await queries.get_segment(session, min(asking))).name
        raise Conflict(f"The segment {name} ({min(asking)}) asks for this one; change that one first.")
    if segment.job_id is not None:
        await cancel_job(session, segment.job_id)
    await resources.delete(session, segment)
    await schedule(session, FORGET, str(segment.id), clock_of(session).now())


async def forget_members(session: AsyncSession, segment_id: UUID) -> None:
    """Delete a batch of the members of a segment that is gone, and come back for the next."""
    some = select(SegmentMember.person_id).where(SegmentMember.segment_id == segment_id).limit(FORGET_BATCH)
    gone = await session.execute(
        delete(SegmentMember)
        .where(SegmentMember.segment_id == segment_id, SegmentMember.person_id.in_(some))
        .returning(SegmentMember.person_id)
    )
    if len(gone.all()) == FORGET_BATCH:
        await schedule(session, FORGET, str(segment_id), clock_of(session).now())


async def ask_refresh(session: AsyncSession, segment_id: UUID) -> UUID:
    """Have a segment refreshed; returns the job, which is the one at work where there is one. Raises NotFound."""
    segment = await lock_segment(session, segment_id)
    segment.is_stale = True
    return await _start(session, segment)


async def cancel_refresh(session: AsyncSession, segment_id: UUID) -> Segment:
    """Stop the refresh that somebody asked for; buckets that were done stay. Raises NotFound, Conflict."""
    segment = await lock_segment(session, segment_id)
    if segment.job_id is None:
        raise Conflict("Nobody asked for a refresh that is still at work.")
    await cancel_job(session, segment.job_id)
    segment.job_id, segment.is_stale = None, False
    segment.as_of, segment.buckets, segment.bucket = None, None, 0
    return segment


async def _start(session: AsyncSession, segment: Segment) -> UUID:
    if segment.job_id is None:
        segment.job_id = await start_job(session, REFRESH_JOB, {"segment_id": str(segment.id)})
    return segment.job_id


@dataclass(frozen=True)
class Step:
    """One bucket of a refresh: who is to be in it is asked of the event store, between two transactions."""

    segment_id: UUID
    version: int
    as_of: datetime
    number: int
    count: int
    bucket: Bucket
    definition: Definition | None
    known: Known | None


async def refresh(
    run: LongRun, segment_id: UUID, *, since: datetime | None = None, note: Callable[..., Awaitable[None]] | None = None
) -> None:
    """Refresh a segment, bucket by bucket, each in one transaction with what is told of it; `note` is told how far it is.

    What dies goes on with the bucket at which it stood, and so does what gave way to others, before the event store is asked again.
    One that is neither stale nor older than `since` is passed over.
    """
    store = ports_of(run, MetricsPorts).store
    evaluation, of = Evaluation(store), None
    while True:
        async with run.transaction() as session:
            step = await begin(session, segment_id, since=since)
        if step is None:
            return
        failpoints.hit("metrics.segment_begun")
        wanted: Collection[str] = ()
        if step.definition is not None and step.known is not None:
            if of != (step.version, step.as_of, step.count):
                evaluation, of = Evaluation(store), (step.version, step.as_of, step.count)
            try:
                wanted = await evaluation.members(step.definition, step.known)
            except TooHeavy as error:
                async with run.transaction() as session:
                    await fail(session, step, error.detail)
                return
        async with run.transaction() as session:
            await apply(session, step, wanted)
            if note is not None:
                await note(step.number + 1, step.count, session=session)
        failpoints.hit("metrics.segment_written")
        if not evaluation.has_after(step.bucket):
            run.give_way()


async def begin(session: AsyncSession, segment_id: UUID, *, since: datetime | None = None) -> Step | None:
    """Return the next bucket of a segment that is to be refreshed, None when there is none.

    That is one with a refresh under way, one that is stale, and one that was not refreshed `since` a time.
    """
    segment = await queries.find_locked(session, segment_id)
    if segment is None:
        return None
    if segment.as_of is None:
        is_old = since is not None and (segment.refreshed_at is None or segment.refreshed_at < since)
        if not (segment.is_stale or is_old):
            return None
        count = cohorts.buckets_for(max(await people.count_all(session), segment.size))
        segment.as_of, segment.buckets = cohorts.whole_milliseconds(clock_of(session).now()), count
        segment.bucket, segment.is_stale = 0, False
    count = segment.buckets or 1
    bucket = cohorts.bucket_of(segment.bucket, count)
    definition = None if segment.definition is None else cohorts.definition_of(segment.definition)
    known = None
    if definition is not None:
        known = await evaluating.known(session, definition, bucket, segment.as_of, inside=queries.held)
    return Step(segment.id, segment.version, segment.as_of, segment.bucket, count, bucket, definition, known)


async def apply(session: AsyncSession, step: Step, wanted: Collection[str]) -> bool:
    """Write who is in the bucket now, tell of it, and go on to the next; says whether the step was still the next one."""
    await people.share_intake(
        session
    )  # who is erased from here on is told after this, and so leaves what is written here
    segment = await queries.find_locked(session, step.segment_id)
    if segment is None or (segment.as_of, segment.bucket, segment.buckets) != (step.as_of, step.number, step.count):
        return False
    found = await _difference(session, step, wanted)
    await writing.write(session, segment, found, at=step.as_of)
    if found.entering or found.leaving:
        await _tell_dependents(session, segment.id)
    if step.number + 1 < step.count:
        segment.bucket += 1
        return True
    segment.refreshed_at, segment.error = step.as_of, None
    segment.as_of, segment.buckets, segment.bucket = None, None, 0
    segment.size = await queries.count_members(session, segment.id)
    return True


async def _difference(session: AsyncSession, step: Step, wanted: Collection[str]) -> Difference:
    compared = await _compare(session, step, wanted)
    if became := await _who_became(session, step.segment_id, compared):
        await writing.move(session, step.segment_id, became)
        compared = await _compare(session, step, wanted)
    held, living = compared.held, compared.living
    # nobody leaves a list but by hand, also who was never seen
    return rules.difference(held, compared.wanted, living if step.definition is not None else held | living)


async def _compare(session: AsyncSession, step: Step, wanted: Collection[str]) -> Compared:
    if step.definition is None:
        wanted = list(map(str, await queries.held(session, step.segment_id, step.bucket)))
    return await queries.compare(session, step.segment_id, step.bucket, wanted)


async def _who_became(session: AsyncSession, segment_id: UUID, compared: Compared) -> dict[UUID, UUID]:
    """Return of members who turned out to be others whom they became: of those who are gone, and of those who are in it anew."""
    became = dict[UUID, UUID]()
    lost = {user_id: person_id for person_id, user_id in compared.held.items() if person_id not in compared.living}
    if lost:
        who = await people.who_are(session, lost)
        became |= {lost[user_id]: person_id for user_id, (person_id, _) in who.items() if person_id != lost[user_id]}
    if new := compared.wanted - compared.held.keys():
        before = await people.merged_into(session, new)
        were = await queries.among(session, segment_id, before) if before else set[UUID]()
        became |= {gone: before[gone] for gone in were}
    return became


async def _tell_dependents(session: AsyncSession, segment_id: UUID) -> bool:
    asking = [each for each, asks_for in (await queries.asked(session)).items() if segment_id in asks_for]
    if asking:
        await session.execute(update(Segment).where(Segment.id.in_(asking)).values(is_stale=True))
    return bool(asking)


async def fail(session: AsyncSession, step: Step, detail: str) -> None:
    """Note why a refresh ended before its end; the next begins anew."""
    segment = await queries.find_locked(session, step.segment_id)
    if segment is not None and segment.as_of == step.as_of:
        segment.error = detail
        segment.as_of, segment.buckets, segment.bucket = None, None, 0


async def finish(session: AsyncSession, segment_id: UUID) -> bool:
    """Say that the job of a segment is done, unless it or what asks for it became stale meanwhile; says which."""
    segment = await queries.find_locked(session, segment_id)
    if segment is None:
        return True
    if await queries.stale_among(session, [segment_id, *await dependents(session, segment_id)]):
        return False
    segment.job_id = None
    return True


async def dependents(session: AsyncSession, segment_id: UUID) -> list[UUID]:
    """Return the segments that ask for one, directly or not, in the order in which they are refreshed."""
    return cohorts.dependents(segment_id, await queries.asked(session))


async def in_order(session: AsyncSession) -> list[UUID]:
    """Return all segments of the workspace, each after those that it asks for."""
    return cohorts.in_order(await queries.asked(session))


async def add_members(session: AsyncSession, segment_id: UUID, user_ids: Sequence[str]) -> dict[str, int]:
    """Put people on a static list; who is on it already stays. Raises NotFound, Conflict, TooMany."""
    erased = await people.erased_among(session, user_ids)  # read first: others wait for the list while it is locked
    who = await people.who_are(session, set(user_ids) - erased)
    called = dict(who.values())
    segment = await _lock_list(session, segment_id)
    there = await queries.among(session, segment.id, called)
    entering = {each: called[each] for each in sorted(called.keys() - there)}
    if segment.size + len(entering) > SEGMENT_LISTED:
        raise TooMany(f"A list has at most {SEGMENT_LISTED:,} people.")
    await _write_list(session, segment, Difference(entering=entering))
    return {"changed": len(entering), "unchanged": len(there), "erased": len(erased)}


async def remove_members(session: AsyncSession, segment_id: UUID, user_ids: Sequence[str]) -> dict[str, int]:
    """Take people off a static list. Raises NotFound, Conflict."""
    who = await people.who_are(session, set(user_ids))
    called = dict(who.values())
    segment = await _lock_list(session, segment_id)
    there = await queries.among(session, segment.id, called)
    await _write_list(session, segment, Difference(leaving={each: called[each] for each in sorted(there)}))
    return {"changed": len(there), "unchanged": len(called) - len(there), "erased": 0}


async def _lock_list(session: AsyncSession, segment_id: UUID) -> Segment:
    segment = await lock_segment(session, segment_id)
    if segment.kind != SegmentKind.STATIC:
        raise Conflict("The members of a dynamic segment follow its definition.")
    return segment


async def _write_list(session: AsyncSession, segment: Segment, found: Difference) -> None:
    await writing.write(session, segment, found, at=clock_of(session).now())
    segment.size += len(found.entering) - len(found.leaving)
    if (found.entering or found.leaving) and await _tell_dependents(session, segment.id):
        await _start(session, segment)


async def preview(session: AsyncSession, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Try a definition out, bucket by bucket, for 5 s; beyond them the rest is estimated. Raises Invalid, TooHeavy, StoreUnavailable."""
    cohorts.require_no_cycle(None, cohorts.asked_by(stored), await queries.asked(session))
    ports, definition = ports_of(session, MetricsPorts), cohorts.definition_of(stored)
    await ports.feed.begin(session)
    as_of = cohorts.whole_milliseconds(clock_of(session).now())
    count, clock = cohorts.buckets_for(await people.count_all(session)), asyncio.get_running_loop().time
    began, size, done, sample = clock(), 0, 0, list[dict[str, Any]]()
    evaluation = Evaluation(ports.store, width=1, seconds=QUESTION_SECONDS)
    while done < count and (done == 0 or clock() < began + PREVIEW_SECONDS):
        bucket = cohorts.bucket_of(done, count)
        known = await evaluating.known(session, definition, bucket, as_of, inside=queries.held)
        await settle(session)  # the store may take seconds, and whoever waits for it holds no connection
        with stopped():
            found = await evaluation.members(definition, known)
        living = await people.called(session, set(map(UUID, found)))
        size, done = size + len(living), done + 1
        some = sorted(living)[: SAMPLE - len(sample)]
        sample += [{"person_id": each, "user_id": living[each]} for each in some]
    told = {"sample": sample, "as_of": as_of, "took_ms": round((clock() - began) * 1000)}
    return {"size": rules.estimated(size, done, count), "is_estimate": done < count} | told


async def forget_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Take people who were erased out of all segments, out of definitions that name them, and out of what was told of them."""
    own = SegmentMember.workspace == context_of(session).workspace
    theirs = SegmentMember.user_id == any_(literal(list(user_ids), ARRAY(Text)))
    gone = await session.scalars(delete(SegmentMember).where(own, theirs).returning(SegmentMember.segment_id))
    for segment_id in sorted(set(gone)):
        count = await queries.count_members(session, segment_id)
        await session.execute(update(Segment).where(Segment.id == segment_id).values(size=count))
    for segment in await queries.lock_those_without(session, user_ids):
        stored = dict(segment.definition or {})
        left = [each for each in stored["exclude"]["user_ids"] if each not in set(user_ids)]
        segment.definition = stored | {"exclude": stored["exclude"] | {"user_ids": left}}
        resources.touch(session, segment)
    await outbox.forget(session, [f"segment/{each}" for each in await queries.asked(session)], user_ids)
