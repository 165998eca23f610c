"""Makes the calls of claimed notifications: compose, call through the guard, judge the answer.

A crash after a provider's answer and before our record makes that call once more, with the same id: a browser shows it once, a
provider of SMS that knows our id sends it once, a chat shows it twice.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from opsloop_common import limits
from opsloop_common.contracts.notifications import FailureReason
from opsloop_common.due.port import Ask, Claimed, Gate
from opsloop_common.failpoints import hit
from opsloop_common.outbound.client import Answer, BlockedTarget, OutboundClient, OutboundError
from opsloop_common.service import Runtime
from opsloop_common.shares import Places
from opsloop_notifications.calling import service
from opsloop_notifications.calling.rules import KIND, again_at, reason_for
from opsloop_notifications.calling.service import Call
from opsloop_notifications.calls import service as calls
from opsloop_notifications.calls.service import Attempt, Tried
from opsloop_notifications.consent.rules import Defer
from opsloop_notifications.contacts import service as contacts
from opsloop_notifications.contacts.service import Aim
from opsloop_notifications.messages import service as messages
from opsloop_notifications.messages.service import Said
from opsloop_notifications.pulses.rules import NO_TIME, Pulses
from opsloop_notifications.ways.rules import WAYS, Kind, Outcome, Post, Told, Unsendable, Verdict

CLAIMED_PER_CHANNEL = 64
BODY_CHARACTERS = 4_000  # of an answer, that are read
USER_AGENT = "OpsLoop/1"


@dataclass(frozen=True)
class Result:
    """What came of one try of a notification."""

    call: Call
    said: Said
    next_at: datetime | None
    attempts: Sequence[Attempt] = ()
    gone: Collection[UUID] = ()


class CallWork:
    """What the queue engine asks of calls."""

    table = calls.QUEUE_TABLE
    kinds: Collection[str] = (KIND,)
    never_left = 1
    poll_seconds = 0.5
    gather_seconds = 0.0
    record_seconds = 0.0
    drain_seconds = 8.0
    ended = "due_at = NULL"

    def __init__(self, runtime: Runtime, client: OutboundClient) -> None:
        self._runtime = runtime
        self._client = client
        self._places = Places(limits.CHANNEL_CALLS_AT_ONCE, kept=limits.CHANNEL_CALLS_KEPT)
        self._pulses = Pulses()

    async def claim(self, ask: Ask) -> Claimed[Call]:
        """Claim notifications that are due, with what they say and where they go."""
        self._pulses.forget(ask.now)
        async with self._runtime.db.transaction() as session:
            secrets = self._runtime.secrets
            claimed = await service.claim_calls(session, ask, per_channel=CLAIMED_PER_CHANNEL, secrets=secrets)
        return Claimed(claimed)

    def places(self, item: Call) -> int:
        """Return how many calls of a channel may be in flight: few while it fails, none beyond its rate."""
        pulse = self._pulses[item.group]
        pulse.rate = item.rate
        return 0 if pulse.wait(self._runtime.clock.now()) else pulse.places(is_retry=item.tries > 0)

    def opens_in(self, item: Call) -> float:
        """Return after how many seconds the channel's rate allows another call."""
        return self._pulses[item.group].wait(self._runtime.clock.now())

    def begins(self, item: Call) -> None:
        """Count the call against its channel's rate."""
        self._pulses[item.group].take(self._runtime.clock.now())

    def gate(self, item: Call) -> Gate:
        """Return the calls of this process, of which each workspace has a share."""
        return Gate(((self._places, (item.workspace,)),))

    def goes_on_elsewhere(self, item: Call) -> bool:
        """Say no: a call that is stopped may be made twice."""
        return False

    async def perform(self, item: Call) -> Result:
        """Say one notification, to each browser of a person at once."""
        if not item.is_configured:
            return self._over(item, "channel_not_configured", is_try=False)
        if (reason := service.reason_of(item.decision)) is not None:
            return self._over(item, reason, is_try=False)
        if isinstance(item.decision, Defer):
            return self._waits(item, item.decision.until, deferred=True)
        todo = [aim for aim in item.aims if aim.contact_id not in item.ended]
        held = {aim.contact_id: until for aim in todo if (until := self._held_back(item, aim)) is not None}
        if held and len(held) == len(todo):
            return self._waits(item, min(held.values()))
        made = await asyncio.gather(*(self._call(item, aim) for aim in todo if aim.contact_id not in held))
        hit("calls.after_send")
        return self._judged(item, made, list(held.values()))

    def _held_back(self, item: Call, aim: Aim) -> datetime | None:
        for name in reversed(peers_of(item.group, aim)):  # last the one that may take this call for its probe
            pulse = self._pulses.find(name)  # not made for everybody who is called
            if pulse is not None and (until := pulse.held_back(self._runtime.clock.now(), at_most=None)) is not None:
                return until
        return None

    async def _call(self, item: Call, aim: Aim) -> tuple[Attempt, Verdict]:
        at, started = self._runtime.clock.now(), time.monotonic()
        verdict, status, failure = await call_once(self._client, aim, item.told, at, traceparent_of(item.cause))
        if failure != "blocked_target":
            self._note(peers_of(item.group, aim), verdict)
        attempt = Attempt(
            notification_id=item.id,
            workspace=item.workspace,
            channel_id=aim.channel_id,
            contact_id=aim.contact_id,
            attempted_at=at,
            duration_ms=round((time.monotonic() - started) * 1000),
            outcome=verdict.outcome,
            status_code=status,
            failure=failure,
            detail=verdict.detail,
            provider_id=verdict.provider_id,
        )
        return attempt, verdict

    def _note(self, peers: Sequence[str], verdict: Verdict) -> None:
        # who names a time names it for the narrowest that was called
        named = peers[-1] if verdict.wait else peers[0]
        if verdict.outcome is Outcome.LATER:
            self._pulses[named].failed(self._runtime.clock.now(), verdict.wait, closed=verdict.wait or NO_TIME)
            return
        for name in peers:  # also that it refuses one of us: it answers
            if (pulse := self._pulses.find(name)) is not None:
                pulse.succeeded()

    def _judged(self, item: Call, made: Sequence[tuple[Attempt, Verdict]], held: Collection[datetime] = ()) -> Result:
        attempts = [attempt for attempt, _ in made]
        gone = [each.contact_id for each in attempts if each.outcome == Outcome.GONE and each.contact_id is not None]
        detail = next((verdict.detail for _, verdict in made if verdict.outcome is not Outcome.SENT), None)
        later = [verdict for _, verdict in made if verdict.outcome is Outcome.LATER]
        if later or held:
            now = self._runtime.clock.now()
            # the soonest: whoever is to be left alone for longer is held back then
            wait = min([*(verdict.wait or NO_TIME for verdict in later), *(until - now for until in held)])
            again = again_at(item.tries + 1, now, jitter=random.random(), wait=wait)
            if again is not None:
                said = Said(item.notification, item.cause, None, detail, is_over=False)
                return Result(item, said, again, attempts, gone)
        outcomes = {*item.ended.values(), *(str(attempt.outcome) for attempt in attempts)}
        reason = reason_for(outcomes)
        if reason is not None and (later or held):
            reason = "undeliverable"
        said = Said(item.notification, item.cause, reason, detail if reason else None, is_over=True)
        return Result(item, said, None, attempts, gone)

    def _over(self, item: Call, reason: FailureReason, *, is_try: bool) -> Result:
        return Result(item, Said(item.notification, item.cause, reason, None, is_over=True, is_try=is_try), None)

    def _waits(self, item: Call, until: datetime, *, deferred: bool = False) -> Result:
        said = Said(
            item.notification,
            item.cause,
            None,
            None,
            is_over=False,
            is_try=False,
            deferred_until=until if deferred else None,
        )
        return Result(item, said, until)

    def broken(self, item: Call, error: Exception) -> Result:
        """Record a fault of our own as a try, to be repeated."""
        detail = "the try failed on our side"
        again = again_at(item.tries + 1, self._runtime.clock.now(), jitter=random.random(), wait=None)
        reason: FailureReason | None = "undeliverable" if again is None else None
        return Result(item, Said(item.notification, item.cause, reason, detail, is_over=again is None), again)

    def bare(self, result: Result) -> Result:
        """Return the same outcome without the provider's words."""
        words = "what the provider said could not be stored"
        attempts = [replace(each, detail=words, provider_id=None) for each in result.attempts]
        return replace(result, said=replace(result.said, detail=words), attempts=attempts)

    def settles(self, result: Result) -> bool:
        """Say no: each is recorded."""
        return False

    async def record(self, results: Sequence[Result], *, owner: UUID) -> None:
        """Write the results down and tell the bus; browsers that are gone are forgotten."""
        tried = [
            Tried(each.call.id, each.next_at, each.said.is_try, each.said.detail, each.attempts) for each in results
        ]
        async with self._runtime.db.transaction() as session:
            held = await calls.record(session, tried, owner=owner)
            await messages.record_said(session, [each.said for each in results if each.call.id in held])
            waiting = [each.call.id for each in results if each.next_at is not None]
            await calls.withdraw(session, await messages.take_back(session, waiting))
            if gone := {id for each in results for id in each.gone}:
                await contacts.forget_gone(session, gone)


def peers_of(group: str, aim: Aim) -> tuple[str, ...]:
    """Return who takes a call, by the names of their pulses, the widest first.

    What a chat or a provider of SMS answers, it answers us. An address of Web Push was given by a browser: where it leads fares by
    itself, and what it says of too many calls (RFC 8030, 8.4) is said of that one, else a stranger could close the channel to all.
    """
    if aim.setup.kind != Kind.WEB_PUSH:
        return (group,)
    return f"{group} {urlsplit(aim.target.address).hostname}", f"{group} {aim.contact_id}"


async def call_once(
    client: OutboundClient, aim: Aim, told: Told, now: datetime, traceparent: str | None
) -> tuple[Verdict, int | None, str | None]:
    """Make one call; returns what came of it, with the status, or why no answer came."""
    way = WAYS[Kind(aim.setup.kind)]
    try:
        # sealing and templates take milliseconds, in which others would wait
        post = await asyncio.to_thread(way.compose, told, aim.setup, aim.target, now=now, entropy=os.urandom)
    except Unsendable as error:
        return Verdict(Outcome.FAILED, str(error)), None, None
    try:
        answer = await _posted(client, post, traceparent)
    except BlockedTarget as error:
        return Verdict(Outcome.FAILED, error.detail), None, error.failure
    except OutboundError as error:
        return Verdict(Outcome.LATER, error.detail), None, error.failure
    body = answer.body.decode(errors="replace").replace("\0", "")[:BODY_CHARACTERS]
    return way.judge(aim.setup, answer.status, answer.headers, body), answer.status, None


async def _posted(client: OutboundClient, post: Post, traceparent: str | None) -> Answer:
    headers = {"user-agent": USER_AGENT, **post.headers} | ({"traceparent": traceparent} if traceparent else {})
    if post.method == "GET":
        return await client.get(post.url, headers)
    return await client.post(post.url, post.body, headers)


def traceparent_of(cause: Mapping[str, object]) -> str | None:
    """Return the trace that a message belongs to."""
    found = cause.get("traceparent")
    return found if isinstance(found, str) else None
