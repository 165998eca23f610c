"""How many of a pool's connections the requests of one workspace hold at once: whoever waits for a share holds none."""

from __future__ import annotations

import asyncio

from opsloop_common.errors import Unavailable
from opsloop_common.limits import CONNECTIONS_PER_WORKSPACE, SHARE_SECONDS


class _Share:
    __slots__ = ("free", "users")

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(CONNECTIONS_PER_WORKSPACE)
        self.users = 0


class Shares:
    """One gate a workspace, first come first served; there as long as somebody is in it or before it."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}

    def __len__(self) -> int:
        return len(self._shares)

    async def enter(self, workspace: str) -> None:
        """Take a share, to be given back with `leave`; raises Unavailable (503) when none gets free in time."""
        share = self._shares.get(workspace)
        if share is None:
            share = self._shares[workspace] = _Share()
        share.users += 1
        try:
            if share.free.locked():
                async with asyncio.timeout(SHARE_SECONDS):
                    await share.free.acquire()
            else:  # then it does not wait, and needs no timer
                await share.free.acquire()
        except (TimeoutError, asyncio.CancelledError) as error:
            self._forget(workspace, share)
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    "Too much of this workspace is going on; try again.", headers={"Retry-After": "1"}
                ) from error
            raise

    def leave(self, workspace: str) -> None:
        """Give a share back."""
        share = self._shares[workspace]
        share.free.release()
        self._forget(workspace, share)

    def _forget(self, workspace: str, share: _Share) -> None:
        share.users -= 1
        if share.users == 0:
            del self._shares[workspace]
