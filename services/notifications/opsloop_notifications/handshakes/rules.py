"""What is asked of an endpoint, and whether its answer is a consent (CloudEvents 1.0.2, HTTP 1.1 Web Hooks, 4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from opsloop_common.errors import Invalid
from opsloop_notifications.formats.rules import CLOUDEVENTS, rate_of

HANDSHAKE_JOB = "notifications.handshake"
ASKING, REFUSED = "asking", "refused"
"""Why an endpoint is disabled that is asked for its consent, or gave none."""
ANYBODY = ANY_RATE = "*"
ORIGINS_READ = 20
HIGHEST_RATE = 10**9
"""More calls a minute are the same as any number."""


@dataclass(frozen=True)
class Consent:
    """What an endpoint answered: `refused` says why it is no consent; `allowed_rate` calls a minute, None any number."""

    allowed_rate: int | None = None
    refused: str | None = None


def require_handshake(format: str, origin: str | None) -> None:
    """Raise Invalid where an endpoint cannot be asked for its consent: in another format, or by nobody with a name."""
    if format != CLOUDEVENTS:
        raise Invalid("/handshake", f"is of the format {CLOUDEVENTS}")
    if origin is None:
        raise Invalid("/handshake", "needs OPSLOOP_PUBLIC_URL: an endpoint is asked whether that host may call it")


def origin_of(public_url: str | None) -> str | None:
    """Return the DNS name that asks endpoints for their consent and calls them, None without a public address."""
    return urlsplit(public_url).hostname if public_url else None


def calls_a_second(format: str, wanted: int | None, allowed_a_minute: int | None) -> float | None:
    """Return how many calls a second an endpoint gets at most: what owner, format and its consent come to; None is any number."""
    rates = [rate_of(format, wanted), None if allowed_a_minute is None else allowed_a_minute / 60]
    return min((rate for rate in rates if rate is not None), default=None)


def request_headers(origin: str, *, rate_limit: int | None) -> dict[str, str]:
    """Return what asks an endpoint whether `origin` may call it, and how often if it has a `rate_limit` a second."""
    asked = {"webhook-request-origin": origin}
    return asked if rate_limit is None else asked | {"webhook-request-rate": str(rate_limit * 60)}


def read_consent(headers: Mapping[str, str], origin: str, *, is_rate_asked: bool) -> Consent:
    """Read an answer's lower-case headers: its status is no consent, and neither is the lack of a rate that was asked for."""
    allowed = headers.get("webhook-allowed-origin")
    if allowed is None:
        return Consent(refused="The answer has no WebHook-Allowed-Origin.")
    origins = {each.strip().lower() for each in allowed.split(",", ORIGINS_READ)[:ORIGINS_READ]}
    if not {ANYBODY, origin.lower()} & origins:
        return Consent(refused="WebHook-Allowed-Origin names another origin.")
    rate = headers.get("webhook-allowed-rate")
    if rate is None:
        return Consent(refused="The answer has no WebHook-Allowed-Rate.") if is_rate_asked else Consent()
    return _with_rate(rate.strip())


def _with_rate(rate: str) -> Consent:
    if rate == ANY_RATE:
        return Consent()
    digits = rate.lstrip("0") if rate.isascii() and rate.isdigit() else ""
    if not digits:
        return Consent(refused="WebHook-Allowed-Rate is neither * nor a number above 0.")
    return Consent() if len(digits) > 9 else Consent(allowed_rate=int(digits))
