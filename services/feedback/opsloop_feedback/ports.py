"""What feedback keeps open besides its database, for as long as it runs; reached with `ports_of`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime


@dataclass(frozen=True)
class FeedbackPorts:
    """What rooms reach. `secrets`: what links and addresses of conversations are signed with."""

    secrets: SecretBox


@asynccontextmanager
async def open_ports(runtime: Runtime) -> AsyncIterator[FeedbackPorts]:
    """Open the ports for the length of the block."""
    yield FeedbackPorts(secrets=runtime.secrets)
