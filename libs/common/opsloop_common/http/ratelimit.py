"""How fast may be asked, in this process: by each credential, by all of a workspace together, and by everybody."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from opsloop_common import limits
from opsloop_common.access.buckets import Buckets
from opsloop_common.access.principal import STRANGERS, Kind, Principal
from opsloop_common.errors import TooManyRequests

_ALL = ""
_WHO = {"default": "This credential asks", "workspace": "This workspace asks", "process": "Everybody together asks"}


class Rate(NamedTuple):
    """What an answer says of the rate: `RateLimit` of the tightest bucket, `RateLimit-Policy` of all."""

    limit: str
    policy: str


class _Rates(NamedTuple):
    """The buckets that a request of one kind of credential takes from."""

    own: Buckets
    workspaces: Buckets
    process: Buckets
    policy: str


class RateLimiter:
    """Lets a secret key or a person ask `per_second` in the long run and `burst` at once.

    All credentials of a workspace together have twice as much, so that many keys take no more than two, and all workspaces of
    the process together five times as much, unless told otherwise (per second; the bursts stand in the same proportion). What
    strangers hold (publishable keys, end users, visitors of pages) has less each, and shares buckets of its own with its like:
    however many they are, they take nothing from those who operate the product.
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
            kind: (min(rate, per_second), min(most, burst)) for kind, (rate, most) in _RATES_OF_STRANGERS.items()
        }
        seconds = burst / per_second
        of_workspace = workspace_per_second or per_second * limits.WORKSPACE_RATE_SHARE
        of_process = process_per_second or per_second * limits.PROCESS_RATE_SHARE
        # as many as can take a token while the slowest bucket fills: see Buckets
        kept = math.ceil(of_process * (seconds + max(most / rate for rate, most in rates.values())))

        def shared() -> tuple[Buckets, Buckets]:
            workspaces = Buckets(of_workspace, of_workspace * seconds, kept=kept)
            return workspaces, Buckets(of_process, of_process * seconds, kept=1)

        keys, others = shared(), shared()
        known = _rates(Buckets(per_second, burst, kept=kept), *keys)
        self._rates = {
            kind: _rates(Buckets(*rate, kept=kept), *others) if kind in STRANGERS else known
            for kind, rate in rates.items()
        }

    def take(self, who: Principal) -> Rate:
        """Take a token of each bucket that holds `who`; raises TooManyRequests (429) and takes none when one is empty."""
        now = self._monotonic()
        rates = self._rates[who.kind]
        own, workspaces, process, policy = rates
        left = own.left(who.credential, now)
        in_workspace = workspaces.left(who.workspace, now)
        in_process = process.left(_ALL, now)
        name, buckets, least = "default", own, left
        if in_workspace < least:
            name, buckets, least = "workspace", workspaces, in_workspace
        if in_process < least:
            name, buckets, least = "process", process, in_process
        if least < 1.0:
            raise _refused(name, buckets, least, policy)
        own.take(who.credential, left, now)
        workspaces.take(who.workspace, in_workspace, now)
        process.take(_ALL, in_process, now)
        least -= 1.0
        return Rate(f'"{name}";r={int(least)};t={buckets.seconds_until_full(least)}', policy)


_RATES_OF_STRANGERS = {
    Kind.PUBLISHABLE: (limits.PUBLISHABLE_RATE_PER_SECOND, limits.PUBLISHABLE_RATE_BURST),
    Kind.USER: (limits.USER_RATE_PER_SECOND, limits.USER_RATE_BURST),
    Kind.VISITOR: (limits.VISITOR_RATE_PER_SECOND, limits.VISITOR_RATE_BURST),
}


def _rates(own: Buckets, workspaces: Buckets, process: Buckets) -> _Rates:
    named = {"default": own, "workspace": workspaces, "process": process}
    policies = (
        f'"{name}";q={int(buckets.burst)};w={math.ceil(buckets.burst / buckets.per_second)}'
        for name, buckets in named.items()
    )
    return _Rates(own, workspaces, process, ", ".join(policies))


def _refused(name: str, buckets: Buckets, left: float, policy: str) -> TooManyRequests:
    wait = buckets.seconds_until_one(left)
    return TooManyRequests(
        f"{_WHO[name]} faster than allowed.",
        headers={"Retry-After": str(wait), "RateLimit": f'"{name}";r=0;t={wait}', "RateLimit-Policy": policy},
    )
