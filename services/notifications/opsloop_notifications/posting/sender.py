"""Sends claimed mails: write the message, hand it to the mail server, judge its answer.

A crash after the server's "250" and before our record sends that mail once more, with the same Message-ID: at most one
repeat, and mail programs show such a pair as one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from uuid import UUID

from opsloop_common import limits
from opsloop_common.contracts.notifications import FailureReason
from opsloop_common.due.port import Ask, Claimed, Gate
from opsloop_common.failpoints import hit
from opsloop_common.service import Runtime
from opsloop_common.shares import Places
from opsloop_common.telemetry.work import working
from opsloop_notifications.consent.rules import Defer, Skip
from opsloop_notifications.letters.service import Writer
from opsloop_notifications.mail.rules import bounces
from opsloop_notifications.mail.service import (
    BadMail,
    MailDelayed,
    MailMeter,
    MailRefused,
    MailServer,
    OneTooMany,
    SessionRefused,
    Verdict,
    Way,
    Ways,
    Written,
)
from opsloop_notifications.messages import service as messages
from opsloop_notifications.messages.service import Mail, MailResult
from opsloop_notifications.posting import rules

AHEAD_SECONDS = 0.5
LEAST_AHEAD, MOST_AHEAD = 100, 500
"""A workspace's mails are claimed for so long ahead, at the pace of late, but no fewer and no more: they go out when it is paused."""
SLOWNESS = 0.05  # the share of the last mail in what a mail takes of late
REFILL_SECONDS = 0.05
DETAIL_CHARACTERS = 500
DOUBTED = timedelta(seconds=5)
"""So soon a refusal is asked for again that may have been about us."""


class MailWork:
    """What the queue engine asks of messages. Without a server mail is not configured, and each row says so."""

    table = messages.QUEUE_TABLE
    kinds: Collection[str] = (messages.KIND,)
    never_left = 1  # other processes' mails count against a workspace's places too
    poll_seconds = 0.5
    gather_seconds = 0.0
    record_seconds = 0.03
    drain_seconds = 8.0
    ended = "due_at = NULL"

    def __init__(self, runtime: Runtime, servers: Sequence[MailServer], writer: Writer) -> None:
        self._runtime = runtime
        self._writer = writer
        self._meter = runtime.db.meters.of(MailMeter)
        self.ways = Ways(servers, runtime.clock, show=self._show)
        self._seconds = limits.MAIL_CONNECTIONS * AHEAD_SECONDS / LEAST_AHEAD
        self._connections = Places(limits.MAIL_CONNECTIONS, kept=limits.MAIL_CONNECTIONS_KEPT)

    async def claim(self, ask: Ask) -> Claimed[Mail]:
        """Claim mails that are due, none while they wait for the server; what is held counts over all processes here."""
        if (until := self.ways.until()) is not None:
            return Claimed([], until)
        ahead = self._ahead()  # a claim for each that was sent would keep the next workspace waiting
        full = [workspace for (workspace, _), count in ask.held.items() if count > ahead // 2]
        ask = replace(ask, full=[*ask.full, *full, *self.ways.held_workspaces()])
        async with self._runtime.db.transaction() as session:
            claimed = await messages.claim_mails(session, ask, per_workspace=ahead)
        return Claimed(claimed, ask.now + timedelta(seconds=REFILL_SECONDS) if full else None)

    def _ahead(self) -> int:
        at_once = limits.MAIL_CONNECTIONS * AHEAD_SECONDS / self._seconds
        return int(min(max(at_once, LEAST_AHEAD), MOST_AHEAD))

    def places(self, item: Mail) -> float:
        """Return that a workspace's mails are held up by its share of the connections alone."""
        return inf

    def opens_in(self, item: Mail) -> float:
        """Return that no time makes room in a line."""
        return 0.0

    def begins(self, item: Mail) -> None:
        """Do nothing more."""

    def gate(self, item: Mail) -> Gate:
        """Return the connections to the mail server, of which each workspace has a share."""
        return Gate(((self._connections, (item.workspace,)),))

    def goes_on_elsewhere(self, item: Mail) -> bool:
        """Say no: a mail that is stopped may be sent twice."""
        return False

    async def perform(self, item: Mail) -> MailResult:
        """Hand one mail to the server."""
        match item.decision:
            case Skip(reason):
                return MailResult(item, reason, None, None, is_try=False)
            case Defer(until):
                return MailResult(item, None, None, until, is_try=False, deferred_until=until)
        if not self.ways:
            return MailResult(item, "smtp_not_configured", None, None)
        try:
            written = self._writer.write(item)
        except BadMail as error:
            return MailResult(item, "rejected", str(error)[:DETAIL_CHARACTERS], None)
        for way in self.ways.open_to(item.id, item.workspace):
            if (result := await self._by(way, item, written)) is not None:
                return result
        return self._held(item)

    async def _by(self, way: Way, item: Mail, written: Written) -> MailResult | None:
        """Hand one mail to one server; None: that takes nothing from us, so that the next is asked."""
        mark, began = way.hold.mark(), time.monotonic()
        try:
            with working(self._runtime.db.tracer, item.cause.get("traceparent"), "send mail", kind="client"):
                await way.server.send(written)
        except OneTooMany as error:
            return self._waits(item, str(error), self._runtime.clock.now())
        except SessionRefused as refused:
            way.hold.begin(refused.status)
            return None
        except (MailRefused, MailDelayed) as error:
            if error.status:
                way.hold.spoke(mark)
            if isinstance(error, MailDelayed) and error.is_in_doubt:
                self.ways.pin(item.id, way)
            return self._refused(way, item, error)
        finally:
            self._seconds += SLOWNESS * (time.monotonic() - began - self._seconds)
        way.hold.took(mark)
        self.ways.settle(item.id)
        self._meter.count_server(way.server.name)
        hit("messages.after_send")
        return MailResult(item, None, None, None)

    def _show(self, server: str, waits: bool) -> None:
        self._meter.show_server(server, waits)
        self._meter.show_held(self.ways.are_all_waiting)

    def broken(self, item: Mail, error: Exception) -> MailResult:
        """Record a fault of our own as a try, to be repeated."""
        return self._later(item, "the try failed on our side")

    def bare(self, result: MailResult) -> MailResult:
        """Return the same outcome without the server's words."""
        return replace(result, detail="what the mail server said could not be stored")

    def _refused(self, way: Way, mail: Mail, error: MailRefused | MailDelayed) -> MailResult | None:
        """Judge what a server said of a recipient or a mail: a try of it, unless others show that it is said of us (None)."""
        verdict: Verdict = "final"
        if error.alike:
            verdict = way.hold.refused(mail.id, error.alike, error.status, mail.workspace, mail.address)
        if verdict == "held":
            return None
        if isinstance(error, MailDelayed):
            return self._later(mail, str(error))
        detail, is_last = str(error)[:DETAIL_CHARACTERS], mail.tries >= len(rules.WAITS_SECONDS)
        if verdict == "final" or is_last:
            return MailResult(mail, "rejected", detail, None, is_bounce=bounces(error.status))
        return MailResult(mail, None, detail, self._runtime.clock.now() + DOUBTED)

    def _held(self, mail: Mail) -> MailResult:
        """Have a mail wait, which is no try of it: what stopped it is not about it."""
        until = self.ways.until(mail.workspace, mail.id)
        if until is None:  # one of them came back meanwhile
            return self._waits(mail, "the mail server took nothing", self._runtime.clock.now())
        return self._waits(mail, self.ways.why(mail.workspace, mail.id), until)

    def _waits(self, mail: Mail, detail: str, until: datetime) -> MailResult:
        if self._runtime.clock.now() - mail.created_at > rules.HELD_AT_MOST:
            return MailResult(mail, "undeliverable", detail, None)
        return MailResult(mail, None, detail, until, is_try=False)

    def _later(self, mail: Mail, detail: str) -> MailResult:
        again = rules.next_attempt_at(mail.tries + 1, self._runtime.clock.now(), jitter=random.random())
        reason: FailureReason | None = "undeliverable" if again is None else None
        return MailResult(mail, reason, detail[:DETAIL_CHARACTERS], again)

    def settles(self, result: MailResult) -> bool:
        """Say no: each is recorded."""
        return False

    async def record(self, results: Sequence[MailResult], *, owner: UUID) -> None:
        """Write the results down and tell the bus."""
        async with self._runtime.db.transaction() as session:
            await messages.record_mails(session, results, owner=owner)
