"""Mail waits while the server takes none from us, whoever it is for; the operator is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from opsloop_common.clock import Clock, rfc3339
from opsloop_common.service import Check
from opsloop_notifications.mail import rules

_log = structlog.get_logger(__name__)


class Hold:
    """Whether mail waits, in this process: from a refused session on, until one is not refused any more. `show` is a gauge's."""

    def __init__(self, clock: Clock, *, show: Callable[[bool], None]) -> None:
        self.until: datetime | None = None
        """When the server is asked again; None while it takes mail."""
        self.why = ""
        """What it said, for whoever looks at one mail."""
        self._clock = clock
        self._show = show
        self._refusals = 0
        self._status = ""

    def lasts(self) -> bool:
        """Say whether the server is not to be asked yet."""
        return self.until is not None and self._clock.now() < self.until

    def begin(self, answer: str, status: str) -> None:
        """Wait since the server said so, longer each time; sessions that were under way then say nothing new."""
        if self.lasts():
            return
        self._refusals += 1
        self.until = self._clock.now() + timedelta(seconds=rules.hold_seconds(self._refusals))
        self.why, self._status = answer, status
        self._show(True)
        _log.error("mail.held", status=status, refusals=self._refusals, until=rfc3339(self.until))

    def end(self) -> None:
        """Take note that the server talks to us."""
        if self.until is None:
            return
        _log.info("mail.flows_again", refusals=self._refusals)
        self.until, self._refusals = None, 0
        self._show(False)

    async def mail(self) -> Check:
        """Say for `/readyz`, with the status alone, whether mail waits."""
        if self.until is None:
            return Check("mail", True, essential=False, quiet=True)
        told = (
            f"the mail server takes nothing from us ({self._status}), mail waits and is tried at {rfc3339(self.until)}"
        )
        return Check("mail", False, told, essential=False, quiet=True)
