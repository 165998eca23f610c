"""Sends claimed deliveries: sign, post through the guard, judge the answer."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from opsloop_common import limits
from opsloop_common.documents import read_document
from opsloop_common.due.port import Ask, Claimed, Gate, Line
from opsloop_common.failpoints import hit
from opsloop_common.lanes import Lanes
from opsloop_common.outbound.client import Answer, BlockedTarget, OutboundClient, OutboundError
from opsloop_common.service import Runtime
from opsloop_common.shares import Places
from opsloop_common.turns import breathing
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import (
    ABORTED,
    ENDED_BY_THE_ENDPOINT,
    GONE,
    failure_of,
    is_success,
    lines_of,
    next_attempt_at,
    retry_after,
    shown_body,
)
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import WebhookStatus
from opsloop_notifications.faring.rules import Exhausted, Failures, is_told_of
from opsloop_notifications.formats import rules as formats
from opsloop_notifications.handshakes.rules import origin_of
from opsloop_notifications.headers.rules import WITHHELD, headers_of_call
from opsloop_notifications.payloads import rules as payloads
from opsloop_notifications.payloads.rules import Faulty
from opsloop_notifications.payloads.service import PayloadWriter
from opsloop_notifications.pulses.rules import CLAIMED_AT_FIRST, NO_TIME, Pulse, Pulses
from opsloop_notifications.sending import queries
from opsloop_notifications.sending.calls import KIND, Call, Held, read_call
from opsloop_notifications.sending.meters import CallMeter
from opsloop_notifications.signing.rules import Key, read_keys, sign

OPENED_SECRETS_KEPT = 1_000
GATES_KEPT = 1_000
FAILING_KEPT = 1_000
ENDED_BY_US = frozenset({"blocked_target", payloads.FAILED})
"""No call was made, and another attempt would make none either."""


@dataclass(frozen=True)
class Outcome:
    """What came of one call."""

    webhook_id: UUID
    attempt: deliveries.Attempt
    was_failing: bool
    event_id: UUID
    event_type: str
    line_id: UUID | None
    closed: timedelta = NO_TIME
    """For how long a bot of this kind takes nothing after it got too much."""

    @property
    def is_exhausted(self) -> bool:
        """Say whether it ended without success, and not because the endpoint said so."""
        failure, is_over = self.attempt.failure, self.attempt.next_attempt_at is None
        return failure is not None and is_over and failure not in ENDED_BY_THE_ENDPOINT


class WebhookWork:
    """What the queue engine asks of webhooks."""

    table = deliveries.QUEUE_TABLE
    kinds: Collection[str] = (KIND,)
    never_left = CLAIMED_AT_FIRST
    poll_seconds = 0.5
    gather_seconds = 0.0
    record_seconds = 0.0
    drain_seconds = 8.0
    ended = "due_at = NULL"

    def __init__(self, runtime: Runtime, client: OutboundClient, lanes: Lanes) -> None:
        self._runtime = runtime
        self._client = client
        self._origin = origin_of(runtime.settings.public_url)
        self._lanes = lanes
        self._gates: dict[str, Gate] = {}
        self._calls = Places(limits.CALLS_AT_ONCE, kept=limits.CALLS_KEPT)
        self._pulses = Pulses()
        self._opened: dict[str, list[Key]] = {}
        self._opened_headers: dict[str, dict[str, str]] = {}
        self._failing: set[UUID] = set()
        self._payloads = PayloadWriter()
        self._meter = runtime.db.meters.of(CallMeter)

    async def claim(self, ask: Ask) -> Claimed[Call]:
        """Claim due deliveries; those whose endpoint takes nothing any more are cancelled on the spot."""
        charged = self._charged(ask.held, ask.now)
        rows = await queries.claim_calls(self._lanes, ask, per_line=CLAIMED_AT_FIRST, charged=charged)
        dead = [row["id"] for row in rows if not _is_wanted(row)]
        if dead:
            async with self._runtime.db.transaction() as session:
                await deliveries.cancel_claimed(session, dead, owner=ask.owner)
        wanted = sorted((row for row in rows if _is_wanted(row)), key=lambda row: row["due_at"])
        calls = await breathing(lambda row: read_call(row, ask.now), wanted)
        calls.sort(key=lambda call: (call.is_in_order, call.is_retry))
        for webhook_id in {call.webhook_id for call in calls if call.is_retry}:
            self._pulses[str(webhook_id)].probes(ask.now)
        return Claimed(calls)

    def places(self, item: Call) -> int:
        """Return how many calls of a line may be in flight: few while the endpoint does not take them, none beyond its rate."""
        pulse = self._pulses[str(item.webhook_id)]
        pulse.rate = item.rate
        if pulse.wait(self._runtime.clock.now()):
            return 0
        return 1 if item.is_in_order else pulse.places(is_retry=item.is_retry)

    def opens_in(self, item: Call) -> float:
        """Return after how many seconds the endpoint's rate allows another call."""
        return self._pulses[str(item.webhook_id)].wait(self._runtime.clock.now())

    def begins(self, item: Call) -> None:
        """Count the call against its endpoint's rate."""
        self._pulses[str(item.webhook_id)].take(self._runtime.clock.now())

    def gate(self, item: Call) -> Gate:
        """Return the calls of this process, of which each workspace has a share."""
        gate = self._gates.get(item.workspace)
        if gate is None:
            if len(self._gates) >= GATES_KEPT:
                self._gates.clear()
            gate = self._gates[item.workspace] = Gate(((self._calls, (item.workspace,)),))
        return gate

    def goes_on_elsewhere(self, item: Call) -> bool:
        """Say no: a call that is stopped would be made twice."""
        return False

    def _charged(self, held: Mapping[Line, int], now: datetime) -> dict[str, int]:
        self._pulses.forget(now)
        if len(self._failing) > FAILING_KEPT:
            self._failing.clear()  # that an endpoint fails is read with its next claim
        charged = Counter({group: count for (_, group), count in held.items()})
        for webhook_id, pulse in self._pulses.latest():
            if earned := pulse.earned():
                # a rate is that of all lines
                for line in lines_of(webhook_id) if earned < 0 else (webhook_id,):
                    charged[line] -= earned
        return charged

    async def perform(self, item: Call) -> Outcome | Held:
        """Sign and post one event, unless its endpoint is left alone just now."""
        pulse = self._pulses[str(item.webhook_id)]
        if (until := pulse.held_back(self._runtime.clock.now(), at_most=item.held_until_at_most)) is not None:
            return Held(item, until)
        try:
            item = await self._written(item)
        except Faulty as fault:
            return self._unwritten(item, fault)
        (url, body, headers), owners = self._request(item), self._owners_headers(item)
        sent = {**owners, **headers}
        headers = {**dict.fromkeys(owners, WITHHELD), **headers}
        started_at, started = self._runtime.clock.now(), time.monotonic()
        try:
            answer = await self._client.post(url, body, sent)
        except OutboundError as error:
            if not isinstance(error, BlockedTarget):  # it was not asked
                pulse.failed(self._runtime.clock.now())
            outcome = self._unanswered_call(
                item, headers, started_at, _ms_since(started), failure=error.failure, detail=error.detail
            )
        else:
            outcome = self._answered_call(item, headers, started_at, _ms_since(started), answer)
            self._note(pulse, outcome, answer)
            if outcome.attempt.failure is None:
                self._meter.delivered(self._runtime.clock.now() - item.happened_at)
        hit("webhooks.after_send")
        return outcome

    async def _written(self, call: Call) -> Call:
        """Return a call with the payload that its endpoint's template makes of the event; raises Faulty."""
        if call.template is None or call.format != formats.CLOUDEVENTS:
            return replace(call, template=None)
        body = await self._payloads.write(call.template, call.body, workspace=call.workspace)
        return replace(call, body=body, content_type=payloads.CONTENT_TYPE)

    def _unwritten(self, call: Call, fault: Faulty) -> Outcome:
        """Record that nothing could be sent; that would be so at another attempt too."""
        now, detail = self._runtime.clock.now(), f"payload_template, {fault}"
        return self._unanswered_call(call, {}, now, 0, failure=payloads.FAILED, detail=detail)

    def _note(self, pulse: Pulse, outcome: Outcome, answer: Answer) -> None:
        now = self._runtime.clock.now()
        if outcome.attempt.failure is None:
            pulse.succeeded()
        elif outcome.attempt.failure != ABORTED:  # that is said of one delivery
            wish = retry_after(answer.status, answer.headers.get("retry-after"), now)
            pulse.failed(now, wish, closed=outcome.closed)

    def broken(self, item: Call, error: Exception) -> Outcome:
        """Record a fault of our own as an attempt, to be tried again."""
        now, detail = self._runtime.clock.now(), "The attempt failed on our side."
        return self._unanswered_call(item, {}, now, 0, failure="protocol", detail=detail)

    def settles(self, result: Outcome | Held) -> bool:
        """Say no: each is recorded."""
        return False

    async def record(self, results: Sequence[Outcome | Held], *, owner: UUID) -> None:
        """Write down what came of calls, and until when others are held back."""
        if made := [result for result in results if isinstance(result, Outcome)]:
            await self._record_calls(made, owner=owner)
        # last: one that came due and was claimed again before the engine let it go would belong to nobody
        if held := {result.call.id: result.until for result in results if isinstance(result, Held)}:
            async with self._runtime.db.transaction() as session:
                await deliveries.hold_back(session, held, owner=owner)

    async def _record_calls(self, results: Sequence[Outcome], *, owner: UUID) -> None:
        """Write the attempts down, and how the endpoints fare when there is news of them, in one transaction."""
        attempts = [outcome.attempt for outcome in results]
        succeeded = {outcome.webhook_id for outcome in results if outcome.attempt.failure is None}
        failed = _failures(results)
        # those whose row says that they fail: read with the claim, or written by us since
        failing = self._failing | failed.keys() | {outcome.webhook_id for outcome in results if outcome.was_failing}
        exhausted = _exhausted(results)
        ended = _ended(results)
        if failed or succeeded & failing or ended:
            async with self._runtime.db.transaction() as session:
                await deliveries.record_attempts(session, attempts, owner=owner)
                await endpoints.note_outcomes(
                    session,
                    healed=succeeded & failing,
                    failed={id: failures for id, failures in failed.items() if id not in succeeded},
                    exhausted=exhausted,
                    gone={outcome.webhook_id for outcome in results if outcome.attempt.status_code == GONE},
                )
                await deliveries.lines_moved(session, ended)
        else:
            await deliveries.record_attempts_at_once(self._lanes, attempts, owner=owner, now=self._runtime.clock.now())
        self._failing = (self._failing | failed.keys()) - succeeded
        for attempt in attempts:
            self._meter.count(attempt.failure)

    def bare(self, result: Outcome | Held) -> Outcome | Held:
        """Return the same attempt without the endpoint's words."""
        if isinstance(result, Held):
            return result
        detail = "What the endpoint answered could not be stored."
        return replace(
            result, attempt=replace(result.attempt, detail=detail, request_headers={}, response_body=None, payload=None)
        )

    def _request(self, call: Call) -> tuple[str, bytes, dict[str, str]]:
        """Return the address, the body and our headers of a call: Standard Webhooks', or what a bot's protocol has."""
        now, message_id = self._runtime.clock.now(), str(call.event_id)
        origin = self._origin if call.says_origin else None
        headers = headers_of_call(message_id, call.content_type, traceparent=call.traceparent, origin=origin)
        if call.format in formats.BOTS:
            secret = endpoints.opened_bot_secret(call.sealed_bot_secret, self._runtime.secrets)
            told = read_document(call.body)
            post = formats.render(call.format, told, language=call.language, secret=secret, now=now)
            return post.url(call.url), post.body, headers | {"content-type": formats.CONTENT_TYPE}
        timestamp = int(now.timestamp())
        signature = sign(self._keys(call), message_id, timestamp, call.body)
        return call.url, call.body, headers | {"webhook-timestamp": str(timestamp), "webhook-signature": signature}

    def _owners_headers(self, call: Call) -> dict[str, str]:
        if call.sealed_headers is None:
            return {}
        found = self._opened_headers.get(call.sealed_headers)
        if found is None:
            if len(self._opened_headers) >= OPENED_SECRETS_KEPT:
                self._opened_headers.clear()
            found = endpoints.opened_headers(call.sealed_headers, self._runtime.secrets)
            self._opened_headers[call.sealed_headers] = found
        return found

    def _keys(self, call: Call) -> list[Key]:
        return [key for sealed in call.sealed_secrets for key in self._keys_in(sealed)]

    def _keys_in(self, sealed: str) -> list[Key]:
        keys = self._opened.get(sealed)
        if keys is None:
            if len(self._opened) >= OPENED_SECRETS_KEPT:
                self._opened.clear()
            plain = self._runtime.secrets.open(sealed, purpose=endpoints.SECRET_PURPOSE)
            keys = self._opened[sealed] = read_keys(plain.decode())
        return keys

    def _answered_call(
        self, call: Call, headers: Mapping[str, str], at: datetime, duration_ms: int, answer: Answer
    ) -> Outcome:
        wish = answer.headers.get("webhook-delivery")
        failure = None if is_success(answer.status) else failure_of(answer.status, wish)
        wanted = retry_after(answer.status, answer.headers.get("retry-after"), self._runtime.clock.now())
        shown, detail, closed = shown_body(answer.body, answer.headers), answer.flaw, NO_TIME
        if call.format in formats.BOTS and (verdict := formats.judge(call.format, answer.status, shown)) is not None:
            failure, detail, closed = verdict.failure, verdict.detail or detail, verdict.wait or NO_TIME
        return Outcome(
            webhook_id=call.webhook_id,
            was_failing=call.is_failing,
            event_id=call.event_id,
            event_type=call.event_type,
            line_id=call.line_id,
            attempt=deliveries.Attempt(
                delivery_id=call.id,
                number=call.made + 1,
                attempted_at=at,
                duration_ms=duration_ms,
                status_code=answer.status,
                failure=failure,
                detail=detail,
                request_headers=dict(headers),
                response_body=shown,
                payload=call.payload,
                next_attempt_at=None
                if failure is None or failure in ENDED_BY_THE_ENDPOINT
                else self._next(call, max(wanted or NO_TIME, closed)),
            ),
            closed=closed,
        )

    def _unanswered_call(
        self, call: Call, headers: Mapping[str, str], at: datetime, duration_ms: int, *, failure: str, detail: str
    ) -> Outcome:
        return Outcome(
            webhook_id=call.webhook_id,
            was_failing=call.is_failing,
            event_id=call.event_id,
            event_type=call.event_type,
            line_id=call.line_id,
            attempt=deliveries.Attempt(
                delivery_id=call.id,
                number=call.made + 1,
                attempted_at=at,
                duration_ms=duration_ms,
                status_code=None,
                failure=failure,
                detail=detail,
                request_headers=dict(headers),
                response_body=None,
                payload=call.payload,
                next_attempt_at=None if failure in ENDED_BY_US else self._next(call, None),
            ),
        )

    def _next(self, call: Call, wanted: timedelta | None) -> datetime | None:
        return next_attempt_at(call.tries + 1, self._runtime.clock.now(), jitter=random.random(), wait=wanted)


def _failures(results: Sequence[Outcome]) -> dict[UUID, Failures]:
    """Return what failed, by endpoint; that it wants no more of one delivery is no failure of an endpoint."""
    found: dict[UUID, Failures] = {}
    for outcome in results:
        attempt = outcome.attempt
        if attempt.failure is not None and attempt.failure != ABORTED:
            count = found[outcome.webhook_id].count + 1 if outcome.webhook_id in found else 1
            found[outcome.webhook_id] = Failures(count, attempt.failure, attempt.status_code)
    return found


def _exhausted(results: Sequence[Outcome]) -> dict[UUID, Exhausted]:
    found: dict[UUID, Exhausted] = {}
    for outcome in results:
        if not outcome.is_exhausted or not is_told_of(outcome.event_type):
            continue
        first = found.get(outcome.webhook_id) or Exhausted(
            0, outcome.attempt.delivery_id, outcome.event_id, outcome.event_type, str(outcome.attempt.failure)
        )
        found[outcome.webhook_id] = replace(first, count=first.count + 1)
    return found


def _ended(results: Sequence[Outcome]) -> dict[UUID, UUID | None]:
    """Return the lines of which the first ended, with the delivery where its tries are used up."""
    return {
        outcome.line_id: outcome.attempt.delivery_id if outcome.is_exhausted else None
        for outcome in results
        if outcome.line_id is not None and outcome.attempt.next_attempt_at is None
    }


def _is_wanted(row: Mapping[str, Any]) -> bool:
    if row["document"] is None or row["lacks_consent"]:  # past the log's retention
        return False
    return bool(row["status"] == WebhookStatus.ENABLED or (row["is_test"] and row["status"] == WebhookStatus.DISABLED))


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
