"""What notifications keeps besides its database, for as long as it runs; reached with `ports_of`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

from opsloop_common.db import app_role, settings_of
from opsloop_common.due.claims import PLANNED_BY_INDEX
from opsloop_common.entry import WORKER_SETTING
from opsloop_common.lanes import Lanes
from opsloop_common.outbound.client import OutboundClient, policy_from
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime
from opsloop_notifications.dkim.service import Signer, open_signer
from opsloop_notifications.endpoints.service import KnownListeners
from opsloop_notifications.mail.service import MailServer
from opsloop_notifications.settings import NotificationsSettings


@dataclass(frozen=True)
class NotificationsPorts:
    """The ways out, and what is remembered. `mail` empty: no mail server is configured. `signer` None: mails are not signed."""

    outbound: OutboundClient
    mail: tuple[MailServer, ...]
    """In the order of preference."""
    signer: Signer | None
    lanes: Lanes
    """Those of the queue engine, over all workspaces."""
    secrets: SecretBox
    """Opens what is sealed, for what is done beside requests."""
    listeners: KnownListeners = field(default_factory=KnownListeners)


@asynccontextmanager
async def open_ports(runtime: Runtime) -> AsyncIterator[NotificationsPorts]:
    """Open the ways out for the length of the block; nothing is called yet."""
    settings = settings_of(runtime, NotificationsSettings)
    async with AsyncExitStack() as stack:
        yield NotificationsPorts(
            outbound=await stack.enter_async_context(
                OutboundClient(policy_from(runtime.settings), tracer=runtime.db.tracer)
            ),
            mail=tuple([await stack.enter_async_context(MailServer(url)) for url in runtime.settings.smtp_urls]),
            signer=open_signer(settings.dkim_signs_for, settings.named_dkim_keys) if settings.dkim_keys else None,
            secrets=runtime.secrets,
            lanes=await stack.enter_async_context(aclosing(_senders_lanes(runtime))),
        )


def _senders_lanes(runtime: Runtime) -> Lanes:
    # the worker setting is the session's: never through a transaction pooler, which would hand it to somebody else
    settings = {"role": app_role(runtime.service.name), WORKER_SETTING: "on"} | PLANNED_BY_INDEX
    return runtime.db.make_lanes(settings=settings, size=1, url=runtime.direct_url, purpose="dispatch")
