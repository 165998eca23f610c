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
from opsloop_common.due.port import Ask, Claimed, Gate
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
    next_attempt_at,
    retry_after,
    shown_body,
)
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import WebhookStatus, is_told_of
from opsloop_notifications.formats import rules as formats
from opsloop_notifications.sending import queries
from opsloop_notifications.sending.calls import CLAIMED_AT_FIRST, KIND, Call, read_call
from opsloop_notifications.sending.meters import CallMeter
from opsloop_notifications.signing.rules import read_secret, sign

CLAIMED_AT_MOST = 1_000
PLACES = 64
PLACES_WHEN_UNWELL = 4
OPENED_SECRETS_KEPT = 1_000
GATES_KEPT = 1_000
ENDPOINTS_KEPT = 1_000  # of whose answers something is remembered
UNWELL_AFTER = 3  # attempts in a row without any answer
WITHHELD = "(secret)"
USER_AGENT = "OpsLoop-Webhooks/1"


@dataclass(frozen=True)
class Outcome:
    """What came of one call."""

    webhook_id: UUID
    attempt: deliveries.Attempt
    was_failing: bool
    event_id: UUID
    event_type: str

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
    drain_seconds = 8.0
    ended = "due_at = NULL"

    def __init__(self, runtime: Runtime, client: OutboundClient, lanes: Lanes) -> None:
        self._runtime = runtime
        self._client = client
        self._lanes = lanes
        self._gates: dict[str, Gate] = {}
        self._calls = Places(limits.CALLS_AT_ONCE, kept=limits.CALLS_KEPT)
        self._unanswered: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._opened: dict[str, bytes] = {}
        self._opened_headers: dict[str, dict[str, str]] = {}
        self._failing: set[UUID] = set()
        self._meter = runtime.db.meters.of(CallMeter)

    async def claim(self, ask: Ask) -> Claimed[Call]:
        """Claim due deliveries; those whose endpoint takes nothing any more are cancelled on the spot."""
        charged = self._charged({group: count for (_, group), count in ask.held.items()})
        rows = await queries.claim_calls(self._lanes, ask, per_endpoint=CLAIMED_AT_FIRST, charged=charged)
        dead = [row["id"] for row in rows if not _is_wanted(row)]
        if dead:
            async with self._runtime.db.transaction() as session:
                await deliveries.cancel_claimed(session, dead, owner=ask.owner)
        wanted = [row for row in rows if _is_wanted(row)]
        return Claimed(await breathing(lambda row: read_call(row, ask.now), wanted))

    def places(self, group: str) -> int:
        """Return how many calls an endpoint may have in flight: few while it does not even answer."""
        return PLACES_WHEN_UNWELL if self._unanswered[group] >= UNWELL_AFTER else PLACES

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

    def _charged(self, held: Mapping[str, int]) -> dict[str, int]:
        for remembered in (self._answered, self._unanswered, self._failing):
            if len(remembered) > ENDPOINTS_KEPT:
                remembered.clear()  # an endpoint earns its room again, and that it fails is read with its next claim
        # an endpoint that answers may have more in memory the longer it does; one that stops falls back to few at once
        earned = {group: min(answers, CLAIMED_AT_MOST - CLAIMED_AT_FIRST) for group, answers in self._answered.items()}
        return {group: held.get(group, 0) - earned.get(group, 0) for group in held.keys() | earned.keys()}

    async def perform(self, item: Call) -> Outcome:
        """Sign and post one event."""
        (url, body, headers), owners = self._request(item), self._owners_headers(item)
        sent = {**owners, **headers}
        headers = {**dict.fromkeys(owners, WITHHELD), **headers}
        started_at, started = self._runtime.clock.now(), time.monotonic()
        try:
            answer = await self._client.post(url, body, sent)
        except OutboundError as error:
            self._unanswered[item.group] += 1
            del self._answered[item.group]
            outcome = self._unanswered_call(item, headers, started_at, _ms_since(started), error)
        else:
            del self._unanswered[item.group]
            self._answered[item.group] = min(self._answered[item.group] + 1, CLAIMED_AT_MOST)
            outcome = self._answered_call(item, headers, started_at, _ms_since(started), answer)
            if outcome.attempt.failure is None:
                self._meter.delivered(self._runtime.clock.now() - item.happened_at)
        hit("webhooks.after_send")
        return outcome

    def broken(self, item: Call, error: Exception) -> Outcome:
        """Record a fault of our own as an attempt, to be tried again."""
        failed = OutboundError("protocol", "The attempt failed on our side.")
        return self._unanswered_call(item, {}, self._runtime.clock.now(), 0, failed)

    def settles(self, result: Outcome) -> bool:
        """Say no: each is recorded."""
        return False

    async def record(self, results: Sequence[Outcome], *, owner: UUID) -> None:
        """Write the attempts down, and how the endpoints fare when there is news of them, in one transaction."""
        attempts = [outcome.attempt for outcome in results]
        succeeded = {outcome.webhook_id for outcome in results if outcome.attempt.failure is None}
        failed = _failures(results)
        # those whose row says that they fail: read with the claim, or written by us since
        failing = self._failing | failed.keys() | {outcome.webhook_id for outcome in results if outcome.was_failing}
        exhausted = _exhausted(results)
        if failed or succeeded & failing:
            async with self._runtime.db.transaction() as session:
                await deliveries.record_attempts(session, attempts, owner=owner)
                await endpoints.note_outcomes(
                    session,
                    healed=succeeded & failing,
                    failed={id: failures for id, failures in failed.items() if id not in succeeded},
                    exhausted=exhausted,
                    gone={outcome.webhook_id for outcome in results if outcome.attempt.status_code == GONE},
                )
        else:
            await deliveries.record_attempts_at_once(self._lanes, attempts, owner=owner, now=self._runtime.clock.now())
        self._failing = (self._failing | failed.keys()) - succeeded
        for attempt in attempts:
            self._meter.count(attempt.failure)

    def bare(self, result: Outcome) -> Outcome:
        """Return the same attempt without the endpoint's words."""
        detail = "What the endpoint answered could not be stored."
        return replace(result, attempt=replace(result.attempt, detail=detail, request_headers={}, response_body=None))

    def _request(self, call: Call) -> tuple[str, bytes, dict[str, str]]:
        """Return the address, the body and our headers of a call: Standard Webhooks', or what a bot's protocol has."""
        now, message_id = self._runtime.clock.now(), str(call.event_id)
        headers = {"content-type": call.content_type, "user-agent": USER_AGENT, "webhook-id": message_id}
        headers |= {"traceparent": call.traceparent} if call.traceparent else {}
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

    def _keys(self, call: Call) -> list[bytes]:
        return [self._key(sealed) for sealed in call.sealed_secrets]

    def _key(self, sealed: str) -> bytes:
        key = self._opened.get(sealed)
        if key is None:
            if len(self._opened) >= OPENED_SECRETS_KEPT:
                self._opened.clear()
            plain = self._runtime.secrets.open(sealed, purpose=endpoints.SECRET_PURPOSE)
            key = self._opened[sealed] = read_secret(plain.decode())
        return key

    def _answered_call(
        self, call: Call, headers: Mapping[str, str], at: datetime, duration_ms: int, answer: Answer
    ) -> Outcome:
        wish = answer.headers.get("webhook-delivery")
        failure = None if is_success(answer.status) else failure_of(answer.status, wish)
        wanted = retry_after(answer.status, answer.headers.get("retry-after"), self._runtime.clock.now())
        shown, detail = shown_body(answer.body, answer.headers), answer.flaw
        if call.format in formats.BOTS and (verdict := formats.judge(call.format, answer.status, shown)) is not None:
            failure, detail = verdict.failure, verdict.detail or detail
            wanted = max(wanted or timedelta(0), verdict.wait or timedelta(0))
        return Outcome(
            webhook_id=call.webhook_id,
            was_failing=call.is_failing,
            event_id=call.event_id,
            event_type=call.event_type,
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
                next_attempt_at=None
                if failure is None or failure in ENDED_BY_THE_ENDPOINT
                else self._next(call, wanted),
            ),
        )

    def _unanswered_call(
        self, call: Call, headers: Mapping[str, str], at: datetime, duration_ms: int, error: OutboundError
    ) -> Outcome:
        return Outcome(
            webhook_id=call.webhook_id,
            was_failing=call.is_failing,
            event_id=call.event_id,
            event_type=call.event_type,
            attempt=deliveries.Attempt(
                delivery_id=call.id,
                number=call.made + 1,
                attempted_at=at,
                duration_ms=duration_ms,
                status_code=None,
                failure=error.failure,
                detail=error.detail,
                request_headers=dict(headers),
                response_body=None,
                next_attempt_at=None if isinstance(error, BlockedTarget) else self._next(call, None),
            ),
        )

    def _next(self, call: Call, wanted: timedelta | None) -> datetime | None:
        return next_attempt_at(call.tries + 1, self._runtime.clock.now(), jitter=random.random(), wait=wanted)


def _failures(results: Sequence[Outcome]) -> dict[UUID, endpoints.Failures]:
    """Return what failed, by endpoint; that it wants no more of one delivery is no failure of an endpoint."""
    found: dict[UUID, endpoints.Failures] = {}
    for outcome in results:
        attempt = outcome.attempt
        if attempt.failure is not None and attempt.failure != ABORTED:
            count = found[outcome.webhook_id].count + 1 if outcome.webhook_id in found else 1
            found[outcome.webhook_id] = endpoints.Failures(count, attempt.failure, attempt.status_code)
    return found


def _exhausted(results: Sequence[Outcome]) -> dict[UUID, endpoints.Exhausted]:
    found: dict[UUID, endpoints.Exhausted] = {}
    for outcome in results:
        if not outcome.is_exhausted or not is_told_of(outcome.event_type):
            continue
        first = found.get(outcome.webhook_id) or endpoints.Exhausted(
            0, outcome.attempt.delivery_id, outcome.event_id, outcome.event_type, str(outcome.attempt.failure)
        )
        found[outcome.webhook_id] = replace(first, count=first.count + 1)
    return found


def _is_wanted(row: Mapping[str, Any]) -> bool:
    if row["document"] is None:  # past the log's retention
        return False
    return bool(row["status"] == WebhookStatus.ENABLED or (row["is_test"] and row["status"] == WebhookStatus.DISABLED))


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
