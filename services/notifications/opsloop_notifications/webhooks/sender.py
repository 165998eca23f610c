"""Sends claimed deliveries: sign, post through the guard, judge the answer."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import CONTENT_TYPE
from opsloop_common.failpoints import hit
from opsloop_common.service import Runtime
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.rules import (
    GONE,
    failure_of,
    is_success,
    next_attempt_at,
    retry_after,
    shown_body,
)
from opsloop_notifications.outbound.service import Answer, BlockedTarget, OutboundClient, OutboundError
from opsloop_notifications.webhooks import queries, service
from opsloop_notifications.webhooks.models import Webhook, WebhookStatus
from opsloop_notifications.webhooks.signing import read_secret, sign

CLAIMED_PER_ENDPOINT = 64
PLACES_WHEN_UNWELL = 4
UNWELL_AFTER = 3  # attempts in a row without any answer
USER_AGENT = "OpsLoop-Webhooks/1"


@dataclass(frozen=True)
class Call:
    """One claimed delivery with its endpoint."""

    delivery: deliveries.Outgoing
    webhook: Webhook
    document: str

    @property
    def id(self) -> UUID:
        """Return the delivery's id."""
        return self.delivery.id

    @property
    def group(self) -> str:
        """Return the endpoint's id."""
        return str(self.delivery.webhook_id)


@dataclass(frozen=True)
class Outcome:
    """What came of one call."""

    webhook_id: UUID
    attempt: deliveries.Attempt


class WebhookWork:
    """What the dispatcher asks of webhooks."""

    table = deliveries.QUEUE_TABLE

    def __init__(self, runtime: Runtime, client: OutboundClient) -> None:
        self._runtime = runtime
        self._client = client
        self._unanswered: Counter[str] = Counter()

    async def claim(self, session: AsyncSession, *, now: datetime, owner: UUID, limit: int) -> list[Call]:
        """Claim due deliveries; those whose endpoint takes nothing any more are cancelled on the spot."""
        claimed = await deliveries.claim_deliveries(
            session, now=now, owner=owner, limit=limit, per_endpoint=CLAIMED_PER_ENDPOINT
        )
        endpoints = await queries.webhooks_by_id(session, list({item.webhook_id for item in claimed}))
        calls, dead = [], []
        for item in claimed:
            webhook = endpoints.get(item.webhook_id)
            if webhook is None or item.document is None or not _takes(webhook, is_test=item.is_test):
                dead.append(item.id)
            else:
                calls.append(Call(item, webhook, item.document))
        if dead:
            await deliveries.cancel_claimed(session, dead, owner=owner)
        return calls

    def places(self, group: str) -> int:
        """Return how many calls an endpoint may have in flight: few while it does not even answer."""
        return PLACES_WHEN_UNWELL if self._unanswered[group] >= UNWELL_AFTER else CLAIMED_PER_ENDPOINT

    async def perform(self, job: Call) -> Outcome:
        """Sign and post one event."""
        headers = self._headers(job)
        started_at, started = self._runtime.clock.now(), time.monotonic()
        try:
            answer = await self._client.post(job.webhook.url, job.document.encode(), headers)
        except OutboundError as error:
            self._unanswered[job.group] += 1
            outcome = self._unanswered_call(job, headers, started_at, _ms_since(started), error)
        else:
            del self._unanswered[job.group]
            outcome = self._answered_call(job, headers, started_at, _ms_since(started), answer)
        hit("webhooks.after_send")
        return outcome

    def broken(self, job: Call, error: Exception) -> Outcome:
        """Record a fault of our own as an attempt, to be tried again."""
        failed = OutboundError("protocol", "The attempt failed on our side.")
        return self._unanswered_call(job, {}, self._runtime.clock.now(), 0, failed)

    async def record(self, session: AsyncSession, results: Sequence[Outcome], *, owner: UUID) -> None:
        """Write the attempts down, and how the endpoints fare."""
        await deliveries.record_attempts(session, [outcome.attempt for outcome in results], owner=owner)
        await service.note_outcomes(
            session,
            succeeded={outcome.webhook_id for outcome in results if outcome.attempt.failure is None},
            failed=Counter(outcome.webhook_id for outcome in results if outcome.attempt.failure is not None),
            gone={outcome.webhook_id for outcome in results if outcome.attempt.status_code == GONE},
        )

    def _headers(self, job: Call) -> dict[str, str]:
        now = self._runtime.clock.now()
        timestamp = int(now.timestamp())
        message_id = str(job.delivery.event_id)
        headers = {
            "content-type": CONTENT_TYPE,
            "user-agent": USER_AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._keys(job.webhook, now), message_id, timestamp, job.document.encode()),
        }
        trace = orjson.loads(job.document).get("traceparent")
        return headers | {"traceparent": trace} if trace else headers

    def _keys(self, webhook: Webhook, now: datetime) -> list[bytes]:
        sealed = [webhook.secret]
        if webhook.previous_secret and webhook.previous_expires_at and now < webhook.previous_expires_at:
            sealed.append(webhook.previous_secret)
        secrets = self._runtime.secrets
        return [read_secret(secrets.open(token, purpose=service.SECRET_PURPOSE).decode()) for token in sealed]

    def _answered_call(
        self, job: Call, headers: Mapping[str, str], at: datetime, duration_ms: int, answer: Answer
    ) -> Outcome:
        failure = None if is_success(answer.status) else failure_of(answer.status)
        wanted = retry_after(answer.status, answer.headers.get("retry-after"), self._runtime.clock.now())
        return Outcome(
            job.webhook.id,
            deliveries.Attempt(
                delivery_id=job.id,
                number=job.delivery.number,
                attempted_at=at,
                duration_ms=duration_ms,
                status_code=answer.status,
                failure=failure,
                detail=None,
                request_headers=dict(headers),
                response_body=shown_body(answer.body),
                next_attempt_at=None if failure in (None, "gone") else self._next(job, wanted),
            ),
        )

    def _unanswered_call(
        self, job: Call, headers: Mapping[str, str], at: datetime, duration_ms: int, error: OutboundError
    ) -> Outcome:
        return Outcome(
            job.webhook.id,
            deliveries.Attempt(
                delivery_id=job.id,
                number=job.delivery.number,
                attempted_at=at,
                duration_ms=duration_ms,
                status_code=None,
                failure=error.failure,
                detail=error.detail,
                request_headers=dict(headers),
                response_body=None,
                next_attempt_at=None if isinstance(error, BlockedTarget) else self._next(job, None),
            ),
        )

    def _next(self, job: Call, wanted: timedelta | None) -> datetime | None:
        return next_attempt_at(job.delivery.tries + 1, self._runtime.clock.now(), jitter=random.random(), wait=wanted)


def _takes(webhook: Webhook, *, is_test: bool) -> bool:
    return webhook.status == WebhookStatus.ENABLED or (is_test and webhook.status == WebhookStatus.DISABLED)


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
