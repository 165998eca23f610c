"""How fast may be asked, in this process: by each credential, by all of a workspace together, and by everybody."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from opsloop_common import limits
from opsloop_common.access.buckets import Buckets
from opsloop_common.access.principal import BROWSERS, Kind, Principal
from opsloop_common.errors import TooManyRequests

_ALL = ""
_WHO = {"default": "This credential asks", "workspace": "This workspace asks", "process": "Everybody together asks"}


class Rate(NamedTuple):
    """What an answer says of the rate: `RateLimit` of the tightest bucket, `RateLimit-Policy` of all."""

    limit: str
    policy: str


class RateLimiter:
    """Lets a secret key or a person ask `per_second` in the long run and `burst` at once.

    Credentials of browsers have less. All credentials of a workspace together have twice as much, so that many keys take no
    more than two, and all workspaces of the process together five times as much, unless told otherwise (per second; their
    bursts stand in the same proportion).
    """

    def __init__(
        self,
        per_second: int,
        burst: int,
        *,
        workspace_per_second: int | None = None,
        process_per_second: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        rates = dict.fromkeys(Kind, (per_second, burst)) | {
            Kind.PUBLISHABLE: (
                min(per_second, limits.PUBLISHABLE_RATE_PER_SECOND),
                min(burst, limits.PUBLISHABLE_RATE_BURST),
            ),
            Kind.USER: (min(per_second, limits.USER_RATE_PER_SECOND), min(burst, limits.USER_RATE_BURST)),
        }
        seconds = burst / per_second
        of_workspace = workspace_per_second or per_second * limits.WORKSPACE_RATE_SHARE
        of_process = process_per_second or per_second * limits.PROCESS_RATE_SHARE
        # as many as can take a token while the slowest bucket fills: see Buckets
        kept = math.ceil(of_process * (seconds + max(most / rate for rate, most in rates.values())))
        keys = Buckets(per_second, burst, kept=kept)
        self._workspaces = Buckets(of_workspace, of_workspace * seconds, kept=kept)
        self._process = Buckets(of_process, of_process * seconds, kept=1)
        self._credentials = {
            kind: Buckets(*rate, kept=kept) if kind in BROWSERS else keys for kind, rate in rates.items()
        }
        shared = f"{_policy('workspace', self._workspaces)}, {_policy('process', self._process)}"
        self._policies = {kind: f"{_policy('default', own)}, {shared}" for kind, own in self._credentials.items()}

    def take(self, who: Principal) -> Rate:
        """Take a token of each bucket that holds `who`; raises TooManyRequests (429) and takes none when one is empty."""
        now = self._monotonic()
        own = self._credentials[who.kind]
        left = own.left(who.credential, now)
        in_workspace = self._workspaces.left(who.workspace, now)
        in_process = self._process.left(_ALL, now)
        name, buckets, least = "default", own, left
        if in_workspace < least:
            name, buckets, least = "workspace", self._workspaces, in_workspace
        if in_process < least:
            name, buckets, least = "process", self._process, in_process
        if least < 1.0:
            raise self._refused(who.kind, name, buckets, least)
        own.take(who.credential, left, now)
        self._workspaces.take(who.workspace, in_workspace, now)
        self._process.take(_ALL, in_process, now)
        least -= 1.0
        return Rate(f'"{name}";r={int(least)};t={buckets.seconds_until_full(least)}', self._policies[who.kind])

    def _refused(self, kind: Kind, name: str, buckets: Buckets, left: float) -> TooManyRequests:
        wait = buckets.seconds_until_one(left)
        return TooManyRequests(
            f"{_WHO[name]} faster than allowed.",
            headers={
                "Retry-After": str(wait),
                "RateLimit": f'"{name}";r=0;t={wait}',
                "RateLimit-Policy": self._policies[kind],
            },
        )


def _policy(name: str, buckets: Buckets) -> str:
    return f'"{name}";q={int(buckets.burst)};w={math.ceil(buckets.burst / buckets.per_second)}'
