"""The mail servers, in the order of preference: one that takes nothing from us hands its mail to the next, until it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from opsloop_common.clock import Clock
from opsloop_common.service import Check
from opsloop_notifications.mail.holding import EVERYBODY, Hold
from opsloop_notifications.mail.holding import Verdict as Verdict
from opsloop_notifications.mail.meters import MailMeter as MailMeter
from opsloop_notifications.mail.server import MailDelayed as MailDelayed
from opsloop_notifications.mail.server import MailRefused as MailRefused
from opsloop_notifications.mail.server import MailServer as MailServer
from opsloop_notifications.mail.server import OneTooMany as OneTooMany
from opsloop_notifications.mail.server import SessionRefused as SessionRefused
from opsloop_notifications.mail.writing import BadMail as BadMail
from opsloop_notifications.mail.writing import Thread as Thread
from opsloop_notifications.mail.writing import Written as Written
from opsloop_notifications.mail.writing import write as write

PINNED = timedelta(hours=1)
"""So long a mail that a server may have taken is asked for at that one alone; then another says it rather than nobody."""
REMEMBERED = 10_000


@dataclass(frozen=True)
class Way:
    """One server, and what it takes from us now."""

    server: MailServer
    hold: Hold


class Ways:
    """All ways out for mail, of one process. `show` is told of each server, by its name, whether mail waits for it."""

    def __init__(self, servers: Sequence[MailServer], clock: Clock, *, show: Callable[[str, bool], None]) -> None:
        self._clock = clock
        self._show = show
        self._waiting: set[int] = set()
        self._all = [
            Way(server, Hold(clock, show=self._shower(place, server.name), server=server.name))
            for place, server in enumerate(servers)
        ]
        self._pinned: dict[UUID, tuple[Way, datetime]] = {}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def are_all_waiting(self) -> bool:
        """Say whether mail waits for each of them."""
        return len(self._waiting) == len(self._all) > 0

    def open_to(self, id: UUID, workspace: str) -> Iterator[Way]:
        """Yield the ways that a mail may go now, the preferred first; what stopped one is seen before the next."""
        for way in self._of(id):
            if way.hold.until(workspace) is None:
                yield way

    def until(self, workspace: str = EVERYBODY, id: UUID | None = None) -> datetime | None:
        """Return when a server is asked again for a workspace, or for one of its mails; None: one takes mail now."""
        waits = [way.hold.until(workspace) for way in self._of(id)]
        return None if None in waits else min((each for each in waits if each is not None), default=None)

    def held_workspaces(self) -> list[str]:
        """Return the workspaces whose mail alone waits, at whichever server."""
        found = {workspace for way in self._all for workspace in way.hold.held_workspaces()}
        return [workspace for workspace in found if self.until(workspace) is not None]

    def why(self, workspace: str, id: UUID) -> str:
        """Say for whoever looks at one mail why it waits, with the status of the server that is asked first again."""
        until = self.until(workspace, id)
        return next(way for way in self._of(id) if way.hold.until(workspace) == until).hold.why(workspace)

    def pin(self, id: UUID, way: Way) -> None:
        """Remember that a server may have taken a mail: no other is to send it too."""
        if len(self._pinned) >= REMEMBERED:
            del self._pinned[next(iter(self._pinned))]
        self._pinned.setdefault(id, (way, self._clock.now() + PINNED))

    def settle(self, id: UUID) -> None:
        """Forget about a mail that is done."""
        self._pinned.pop(id, None)

    def _of(self, id: UUID | None) -> Sequence[Way]:
        way, until = self._pinned.get(id, (None, None)) if id is not None else (None, None)
        return self._all if way is None or until is None or self._clock.now() > until else [way]

    def _shower(self, place: int, name: str) -> Callable[[bool], None]:
        def show(waits: bool) -> None:
            (self._waiting.add if waits else self._waiting.discard)(place)
            self._show(name, waits)

        return show

    async def mail(self) -> Check:
        """Say for `/readyz` whether mail waits, or goes another way than it should."""
        checks = [await way.hold.mail() for way in self._all]
        refused = [check for check in checks if not check.ok]
        if not refused:
            return Check("mail", True, essential=False, quiet=True)
        if len(refused) == len(checks):
            return refused[0]
        told = f"{len(refused)} of {len(checks)} mail servers: {refused[0].detail}; the others send meanwhile"
        return Check("mail", False, told, essential=False, quiet=True)
