"""Mail waits while the server takes none from us, or none of one workspace; the operator is told.

A session that the server refuses is proof by itself. Once a recipient is named a refusal may be about us or about them, and its
code does not tell: blocked clients, forbidden relaying and spent quotas are answered there too. What tells is who else meets it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog

from opsloop_common.clock import Clock, rfc3339
from opsloop_common.service import Check
from opsloop_notifications.mail import rules

_log = structlog.get_logger(__name__)

ALIKE_RECIPIENTS = 5
"""So many different recipients of one workspace in a row, refused alike with no success between, are proof for it."""
ALIKE_WORKSPACES = 2
"""… recipients of so many workspaces for all."""
REMEMBERED = 10_000
KINDS_REMEMBERED = 100
EVERYBODY = ""

Verdict = Literal["held", "doubted", "final"]


@dataclass
class _Wait:
    until: datetime
    status: str
    refusals: int
    begun: int
    by_proof: bool


class Hold:
    """What waits for a server, in this process: all mail (`EVERYBODY`), or a workspace's. `show` is a gauge's."""

    def __init__(self, clock: Clock, *, show: Callable[[bool], None], server: str = "") -> None:
        self._clock = clock
        self._server = server
        self._show = show
        self._waits: dict[str, _Wait] = {}
        self._begun = 0
        self._alike: dict[str, dict[str, set[str]]] = {}
        """By what they have in common, the recipients by workspace that were refused since the last success."""
        self._doubted: dict[UUID, int] = {}
        """Mails that were refused once, with the number of successes until then."""
        self._successes = 0

    def until(self, workspace: str = EVERYBODY) -> datetime | None:
        """Return when the server is asked again for a workspace, or for anybody; None: now."""
        wait = self._lasting(workspace)
        return None if wait is None else wait.until

    def held_workspaces(self) -> list[str]:
        """Return the workspaces whose mail alone waits."""
        return [scope for scope in self._waits if scope != EVERYBODY and self._lasting(scope)]

    def why(self, workspace: str) -> str:
        """Say for whoever looks at one mail why it waits, with the status alone: the words may be about somebody else."""
        wait = self._lasting(workspace)
        return f"the mail server takes nothing now ({wait.status})" if wait else "the mail server took nothing"

    def mark(self) -> int:
        """Return what `spoke` and `took` want to know later: which waits had begun by now."""
        return self._begun

    def begin(self, status: str, scope: str = EVERYBODY, *, by_proof: bool = False) -> None:
        """Wait since the server said so, longer each time; what was under way then says nothing new."""
        wait, now = self._waits.get(scope), self._clock.now()
        if wait is not None and wait.until > now:
            return
        refusals = 1 + (wait.refusals if wait else 0)
        self._begun += 1
        until = now + timedelta(seconds=rules.hold_seconds(refusals))
        self._waits[scope] = _Wait(until, status, refusals, self._begun, by_proof)
        self._show(True)
        workspace = {} if scope == EVERYBODY else {"workspace": scope}
        _log.error(
            "mail.held", server=self._server, status=status, refusals=refusals, until=rfc3339(until), **workspace
        )

    def refused(self, id: UUID, alike: str, status: str, workspace: str, recipient: str) -> Verdict:
        """Judge a refusal of a recipient: `held`, as others met it too; `final`, as it was met by this one alone; else `doubted`.

        The first is in doubt until the server has taken another's mail since, or says the same again and to nobody else.
        """
        first = self._doubted.pop(id, None)
        if first is not None and self._successes > first:
            return "final"
        if len(self._alike) >= KINDS_REMEMBERED and alike not in self._alike:
            self._alike.clear()
        met = self._alike.setdefault(alike, {})
        if len(theirs := met.setdefault(workspace, set())) < ALIKE_RECIPIENTS:
            theirs.add(recipient)
        if len(met) >= ALIKE_WORKSPACES:
            self.begin(status, by_proof=True)
        elif len(theirs) >= ALIKE_RECIPIENTS:
            self.begin(status, workspace, by_proof=True)
        if self.until(workspace) is not None:
            return "held"
        if first is not None and theirs == {recipient}:
            return "final"
        if len(self._doubted) >= REMEMBERED:
            self._doubted.clear()
        self._doubted[id] = self._successes if first is None else first
        return "doubted"

    def spoke(self, mark: int) -> None:
        """Take note that a session that began at `mark` was heard: what was refused before may be over."""
        self._end([scope for scope, wait in self._waits.items() if not wait.by_proof and wait.begun <= mark])

    def took(self, mark: int) -> None:
        """Take note that a mail was taken: whoever was refused, it was not us."""
        self._successes += 1
        self._alike.clear()
        self.spoke(mark)
        self._end([scope for scope, wait in self._waits.items() if wait.by_proof])

    def _end(self, scopes: list[str]) -> None:
        for scope in scopes:
            _log.info("mail.flows_again", server=self._server, refusals=self._waits.pop(scope).refusals)
        if scopes:
            self._show(bool(self._waits))

    def _lasting(self, workspace: str) -> _Wait | None:
        now = self._clock.now()
        waits = [self._waits[scope] for scope in {EVERYBODY, workspace} if scope in self._waits]
        return max((wait for wait in waits if wait.until > now), key=lambda wait: wait.until, default=None)

    async def mail(self) -> Check:
        """Say for `/readyz`, with the status alone, whether mail waits."""
        if not self._waits:
            return Check("mail", True, essential=False, quiet=True)
        all_of_it = self._waits.get(EVERYBODY)
        wait = all_of_it or max(self._waits.values(), key=lambda wait: wait.until)
        whose = "from us" if all_of_it else f"of {len(self._waits)} workspace(s)"
        told = (
            f"the mail server takes nothing {whose} ({wait.status}), mail waits and is tried at {rfc3339(wait.until)}"
        )
        return Check("mail", False, told, essential=False, quiet=True)
