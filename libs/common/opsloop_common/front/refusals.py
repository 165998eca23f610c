"""Answers that no application has seen: what was sent is no request, comes too slowly, or is more than may be held."""

from __future__ import annotations

from dataclasses import dataclass

import httptools

from opsloop_common.http.headers import complete
from opsloop_common.http.problems import HttpError, problem_response

RETRY_AFTER = {429, 503}


class Refused(Exception):
    """Raised out of the parser's calls, which stops it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(frozen=True)
class Refusal:
    """Why a connection is closed, as its peer and the metrics are told."""

    status: int
    detail: str
    reason: str

    def render(self) -> bytes:
        """Return the whole answer, which ends the connection."""
        headers = {"Connection": "close"} | ({"Retry-After": "10"} if self.status in RETRY_AFTER else {})
        error = HttpError(self.status, self.detail, headers)
        response = problem_response(error, {"path": "/"})
        lines = list(response.raw_headers)
        complete(lines)
        head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
        status = f"HTTP/1.1 {self.status} {error.phrase}\r\n".encode()
        return status + head + b"\r\n" + bytes(response.body)


MALFORMED = Refusal(400, "The request is not valid HTTP.", "malformed")
UNENCODED = Refusal(
    400,
    "The address of the request has characters that may not stand in one as they are. Write all but plain ASCII as UTF-8, "
    "percent-encoded, and a space as %20: 支付 is %E6%94%AF%E4%BB%98 (curl -G --data-urlencode 'q=支付' does it).",
    "unencoded",
)
MISENCODED = Refusal(
    400,
    "The address of the request is not the percent-encoding of UTF-8: a % begins two hexadecimal digits (itself it is %25), and 支付 is "
    "%E6%94%AF%E4%BB%98, not %D6%A7%B8%B6 as in GBK (curl -G --data-urlencode 'q=支付' does it, on a terminal in UTF-8).",
    "unencoded",
)
BAD_HOST = Refusal(400, "The request needs exactly one valid Host.", "host")
TWICE = Refusal(400, "A header that has one value came twice.", "twice")
BAD_TARGET = Refusal(400, "The request's target does not name its Host.", "target")
TOO_MUCH_FRAMING = Refusal(400, "The body comes in too many small chunks.", "framing")
HEAD_TOO_SLOW = Refusal(408, "The head of the request took too long.", "slow_head")
BODY_TOO_SLOW = Refusal(408, "The body comes too slowly.", "slow_body")
TARGET_TOO_LONG = Refusal(414, "The request's target is too long.", "long_target")
TOO_MANY_LINES = Refusal(431, "The request has too many header lines.", "head_lines")
HEAD_TOO_LARGE = Refusal(431, "The head of the request is too large.", "head_bytes")
KEY_HOLDS_TOO_MUCH = Refusal(429, "This key has too many large bodies on their way.", "bodies_of_key")
ADDRESS_HOLDS_TOO_MUCH = Refusal(429, "This address has too many large bodies on their way.", "bodies_of_address")
ADDRESS_HAS_TOO_MANY = Refusal(429, "This address has too many requests on their way.", "connections_of_address")
GAVE_WAY = Refusal(429, "Others had no room, and you have the most large bodies on their way.", "bodies_gave_way")
ADDRESS_ASKS_TOO_MUCH = Refusal(429, "This address asks too much without a credential.", "keyless")
UNKNOWN_CODING = Refusal(501, "Only the transfer coding chunked is known here.", "coding")
NO_TUNNELS = Refusal(501, "This is no proxy.", "connect")
TOO_MUCH_HELD = Refusal(503, "Too many large bodies are on their way; try again.", "bodies")
TOO_MANY_AHEAD = Refusal(503, "Too many requests were sent ahead of their answers.", "pipelined")
TOO_MANY_CONNECTIONS = Refusal(503, "Too many requests are on their way; try again.", "connections")
UNKNOWN_VERSION = Refusal(505, "Only HTTP/1.1 and HTTP/1.0 are known here.", "version")


def of_parser(error: httptools.HttpParserError) -> Refusal:
    """Return why the parser stopped: one of ours, or what it could not read."""
    if isinstance(error.__context__, Refused):
        return error.__context__.refusal
    # it ends an address at the first space in it, and then misses the version
    if isinstance(error, httptools.HttpParserInvalidURLError) or str(error).startswith("Expected HTTP/"):
        return UNENCODED
    return MALFORMED
