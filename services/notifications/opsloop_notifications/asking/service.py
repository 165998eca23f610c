"""Ask an endpoint for its consent."""

from __future__ import annotations

from opsloop_common.outbound.client import OutboundClient, OutboundError
from opsloop_notifications.handshakes import rules
from opsloop_notifications.handshakes.rules import Consent

USER_AGENT = "OpsLoop-Webhooks/1"


async def ask(client: OutboundClient, url: str, origin: str, *, rate_limit: int | None) -> Consent:
    """Return what an endpoint says to being called; that it does not answer is no consent."""
    headers = {"user-agent": USER_AGENT, **rules.request_headers(origin, rate_limit=rate_limit)}
    try:
        answer = await client.options(url, headers)
    except OutboundError as error:
        return Consent(refused=error.detail)
    return rules.read_consent(answer.headers, origin, is_rate_asked=rate_limit is not None)
