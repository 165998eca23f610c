"""Sends claimed mails: write the message, hand it to the mail server, judge its answer.

A crash after the server's "250" and before our record sends that mail once more, with the same Message-ID: at most one
repeat, and mail programs show such a pair as one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from opsloop_common.contracts.notifications import FailureReason
from opsloop_common.failpoints import hit
from opsloop_common.service import Runtime
from opsloop_common.telemetry.work import working
from opsloop_notifications.mail.rules import one_line
from opsloop_notifications.mail.service import CONNECTIONS, MailDelayed, MailRefused, MailServer, Written, write
from opsloop_notifications.messages import rules, service
from opsloop_notifications.messages.service import Mail, MailResult

CLAIMED_PER_WORKSPACE = 100
DETAIL_CHARACTERS = 500


def write_mail(mail: Mail, *, sender: str) -> Written:
    """Return the message to one person; the same each time, so that a repeat can be recognised by its Message-ID."""
    return write(
        sender=sender,
        recipient=mail.address,
        subject=one_line(mail.subject),
        body=mail.body,
        id=str(mail.id),
        sent_at=mail.created_at,
    )


class MailWork:
    """What the dispatcher asks of messages. `server` None: mail is not configured, and each row says so."""

    table = service.QUEUE_TABLE
    never_left = 1  # other processes' mails count against a workspace's places too

    def __init__(self, runtime: Runtime, server: MailServer | None, *, sender: str) -> None:
        self._runtime = runtime
        self._server = server
        self._sender = sender

    async def claim(self, *, now: datetime, owner: UUID, limit: int, held: Mapping[str, int]) -> list[Mail]:
        """Claim mails that are due; what is held counts over all processes here."""
        async with self._runtime.db.transaction() as session:
            return await service.claim_mails(
                session, now=now, owner=owner, limit=limit, per_workspace=CLAIMED_PER_WORKSPACE
            )

    def places(self, group: str) -> int:
        """Return how many mails of a workspace may be on their way at once."""
        return CONNECTIONS

    async def perform(self, job: Mail) -> MailResult:
        """Hand one mail to the server."""
        if self._server is None:
            return MailResult(job, "smtp_not_configured", None, None)
        try:
            with working(self._runtime.db.tracer, job.cause.get("traceparent"), "send mail", kind="client"):
                await self._server.send(write_mail(job, sender=self._sender))
        except (MailRefused, ValueError) as error:
            return MailResult(job, "rejected", str(error)[:DETAIL_CHARACTERS], None)
        except MailDelayed as error:
            return self._later(job, str(error))
        hit("messages.after_send")
        return MailResult(job, None, None, None)

    def broken(self, job: Mail, error: Exception) -> MailResult:
        """Record a fault of our own as a try, to be repeated."""
        return self._later(job, "the try failed on our side")

    def _later(self, job: Mail, detail: str) -> MailResult:
        again = rules.next_attempt_at(job.tries + 1, self._runtime.clock.now(), jitter=random.random())
        reason: FailureReason | None = "undeliverable" if again is None else None
        return MailResult(job, reason, detail[:DETAIL_CHARACTERS], again)

    async def record(self, results: Sequence[MailResult], *, owner: UUID) -> None:
        """Write the results down and tell the bus."""
        async with self._runtime.db.transaction() as session:
            await service.record_mails(session, results, owner=owner)
