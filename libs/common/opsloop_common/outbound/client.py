"""The guarded HTTP client: aiohttp that connects only to addresses the policy lets through.

Names are resolved here and refused when any answer is bad; the connection goes to the vetted addresses themselves, so a
second, different DNS answer has no effect. Literal addresses skip aiohttp's resolver, so the socket factory judges again.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from opsloop_common import limits, tls
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.outbound.own_door import Lookup, with_own_addresses
from opsloop_common.outbound.own_door import policy_from as policy_from
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_common.outbound.urls import BadUrl as BadUrl
from opsloop_common.outbound.urls import check_url as check_url
from opsloop_common.outbound.wire import (
    HEARING,
    BoundedAnswers,
    Bounds,
    Heard,
    TooManyInterimAnswers,
    TooMuchAnswer,
    Turns,
)

if TYPE_CHECKING:
    from opsloop_common.telemetry.spans import Span
    from opsloop_common.telemetry.tracer import Tracer

_TARGETS_KEPT = 10_000
_RESOLVER_THREADS = 64  # one a name at most: names whose servers hang must not block the lookups of others
_OWN_ADDRESSES_LIVE_SECONDS = 60.0

Failure = Literal["blocked_target", "timeout", "connection", "dns", "tls", "protocol"]
OpenSocket = Callable[[Any], socket.socket]


class OutboundError(Exception):
    """No answer came. `failure` is the class to show; the text names no address."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class BlockedTarget(OutboundError):
    """The policy refuses the address; trying again changes nothing."""

    def __init__(self) -> None:
        super().__init__("blocked_target", "The address of this endpoint may not be called from here.")


@dataclass(frozen=True)
class Answer:
    """What the other side said: status, lower-case headers, and as much of the body, as it came, as the client keeps.

    The status holds whatever came after its line; `flaw` says what was wrong with that, and then headers or body may be missing.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    flaw: str | None = None


@dataclass
class _Call:
    """One call while it is made, and what has come of it."""

    method: Literal["GET", "POST", "OPTIONS"]
    body: bytes | None
    headers: Mapping[str, str]
    heard: Heard = field(default_factory=Heard)
    answered: Mapping[str, str] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)

    def answer(self) -> Answer:
        flaw = None if self.heard.error is None else _failure_of(self.heard.error).detail
        return Answer(self.heard.status, self.answered, bytes(self.content), flaw)


class _GuardedResolver(AbstractResolver):
    def __init__(self, allows_all: Callable[[Sequence[str], int], bool], lookup: Lookup) -> None:
        self._allows_all = allows_all
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._addresses(host, port)
        if not self._allows_all(addresses, port):
            raise BlockedTarget
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=flags,
            )
            for address in addresses
        ]

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            return ["127.0.0.1"]  # RFC 6761: never asked of the DNS
        try:
            with reading():
                addresses = await self._lookup(f"{name}.", port)  # fully qualified: no search domains
        except Unreadable as error:
            raise OutboundError("dns", "The host name could not be resolved.") from error
        if not addresses:
            raise OutboundError("dns", "The host name has no address.")
        return addresses

    async def close(self) -> None:
        return None


class _Connector(aiohttp.TCPConnector):
    """aiohttp's connector, whose connections are bounded."""

    def __init__(self, bounds: Bounds, **options: Any) -> None:
        super().__init__(**options)
        turns = Turns(self._loop)
        # aiohttp has no public way to hand a protocol in; tests/attacks/test_peers.py fails if this one is gone
        made: Callable[..., ResponseHandler] = BoundedAnswers
        self._factory = partial(made, self._loop, turns, bounds)


class OutboundClient:
    """Calls user-given URLs. Use as an async context manager; connections are kept and reused between calls.

    `bounds` say how much is read of an answer. `lookup` and `open_socket` are the two ways out, handed in so that tests see what
    would be called.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        lookup: Lookup | None = None,
        open_socket: OpenSocket | None = None,
        timeout_seconds: float = limits.CALL_SECONDS,
        tracer: Tracer | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.policy = policy
        self.bounds = bounds or Bounds()
        self._lookup = lookup or self._ask_system
        self._open_socket = open_socket or _plain_socket
        self._timeout_seconds = timeout_seconds
        self._tracer = tracer
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="outbound-dns")
        self._session: aiohttp.ClientSession | None = None
        self._targets: dict[str, URL] = {}
        self._asking: dict[str, asyncio.Future[list[str]]] = {}
        self._own_known_until = 0.0
        self._looking_up_own = asyncio.Lock()

    async def __aenter__(self) -> OutboundClient:
        connector = _Connector(
            self.bounds,
            resolver=_GuardedResolver(lambda addresses, port: self.policy.allows_all(addresses, port), self._lookup),
            use_dns_cache=False,  # a verdict holds for one connection
            family=socket.AF_UNSPEC,
            limit=0,  # callers bound what is in flight
            keepalive_timeout=5,  # a kept one may have died silently: it costs an attempt
            socket_factory=self._guarded_socket,
            ssl=tls.of_clients(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),  # a call has one for all that it does
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},  # what is shown of an answer is shown to people
            skip_auto_headers=("User-Agent",),
            max_line_size=limits.CALL_LINE_BYTES,
            max_field_size=limits.CALL_LINE_BYTES,
            max_headers=limits.CALL_HEADERS,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body`; return whatever the other side answers, redirects included, unfollowed.

        Raises BlockedTarget when the policy refuses the address, OutboundError when no answer came in 15 s. When the trace that
        the headers name is recorded, the other side is told of the call's own span.
        """
        return await self._tell(url, _Call("POST", body, headers))

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask for what is there; otherwise as `post`."""
        return await self._tell(url, _Call("GET", None, headers))

    async def options(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask what may be done there; otherwise as `post`."""
        return await self._tell(url, _Call("OPTIONS", None, headers))

    async def _tell(self, url: str, call: _Call) -> Answer:
        span = self._span(call)
        if span is None:
            return await self._call_in_time(url, call)
        with span:
            try:
                answer = await self._call_in_time(
                    url, replace(call, headers={**call.headers, "traceparent": span.traceparent})
                )
                span.tell(http__response__status_code=answer.status)
                return answer
            except OutboundError as error:
                span.fail(error.failure)
                raise
            finally:
                if (target := self._targets.get(url)) is not None:  # no more of it: paths and queries hold secrets
                    span.tell(server__address=target.host or "", server__port=target.port or 0)

    def _span(self, call: _Call) -> Span | None:
        if self._tracer is None:
            return None
        attributes = {"http.request.method": call.method, "messaging.message.id": call.headers.get("webhook-id", "")}
        return self._tracer.after(call.headers.get("traceparent"), call.method, "client", attributes)

    async def _call_in_time(self, url: str, call: _Call) -> Answer:
        if self._session is None:
            raise RuntimeError("the client is not open")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                target = self._target(url)
                await self._know_own_addresses()
                await self._call_twice(self._session, target, call)
        except (Unreadable, TimeoutError) as error:
            if not call.heard.status:
                raise _failure_of(error) from error
            call.heard.error = error
        return call.answer()

    async def _call_twice(self, session: aiohttp.ClientSession, target: URL, call: _Call) -> None:
        try:
            await self._call(session, target, call)
        except Unreadable as error:
            is_lost = (
                isinstance(error.__cause__, aiohttp.ClientError) and call.heard.is_kept and not call.heard.is_begun
            )
            if not is_lost:
                raise
            # the other side closed a kept connection just as we used it: ask once more
            await self._call(session, target, call)

    async def _know_own_addresses(self) -> None:
        if not self.policy.own_names or time.monotonic() < self._own_known_until:
            return
        async with self._looking_up_own:  # the first calls wait: none may slip through before it is known
            if time.monotonic() >= self._own_known_until:
                self.policy = await with_own_addresses(self.policy, self._lookup)
                self._own_known_until = time.monotonic() + _OWN_ADDRESSES_LIVE_SECONDS

    def _target(self, url: str) -> URL:
        # what a URL says never changes; where its name leads is asked anew for each connection
        target = self._targets.get(url)
        if target is None:
            try:
                target = URL(check_url(url, self.policy).url, encoded=True)
            except BadUrl as error:
                raise BlockedTarget from error
            if len(self._targets) >= _TARGETS_KEPT:
                self._targets.clear()
            self._targets[url] = target
        return target

    async def _call(self, session: aiohttp.ClientSession, target: URL, call: _Call) -> None:
        HEARING.set(call.heard)
        request = session.request(call.method, target, data=call.body, headers=call.headers, allow_redirects=False)
        with reading():
            await self._read(request, call)

    async def _read(self, request: AbstractAsyncContextManager[aiohttp.ClientResponse], call: _Call) -> None:
        async with request as response:
            # what comes several times is one list, as RFC 9110, 5.3 has it
            call.answered = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
            while (left := self.bounds.body_bytes - len(call.content)) and (chunk := await response.content.read(left)):
                call.content += chunk
            if not left:
                response.close()  # more than anybody needs: give the connection up rather than read on

    def _guarded_socket(self, info: Any) -> socket.socket:
        address, port = info[4][0], info[4][1]
        if not self.policy.allows(address, port):
            raise BlockedTarget
        return self._open_socket(info)

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        # one question at a time for a name: however many calls wait for a slow answer, they hold one thread
        question = self._asking.get(host)
        if question is None:
            loop = asyncio.get_running_loop()
            question = self._asking[host] = loop.run_in_executor(self._threads, _addresses_of, host)
            question.add_done_callback(lambda _: self._asking.pop(host, None))
        return await asyncio.shield(question)


def _addresses_of(host: str) -> list[str]:
    infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(info[4][0]) for info in infos]


def _plain_socket(info: Any) -> socket.socket:
    family, kind, protocol = info[:3]
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.CALL_RECEIVE_BUFFER_BYTES)
    return opened


def _failure_of(error: BaseException | None) -> OutboundError:
    match error:
        case Unreadable():
            return _failure_of(error.__cause__)
        case OutboundError():
            return error
        case TimeoutError():
            return OutboundError("timeout", f"No complete answer within {limits.CALL_SECONDS:.0f} seconds.")
        case aiohttp.ClientSSLError():
            return OutboundError("tls", "The TLS connection could not be made.")
        case aiohttp.InvalidURL():
            return BlockedTarget()
        case TooMuchAnswer():
            return OutboundError("protocol", str(error))
        case TooManyInterimAnswers():
            most = limits.CALL_INTERIM_ANSWERS
            return OutboundError("protocol", f"More than {most} interim answers (1xx) came before the final one.")
        case aiohttp.ClientPayloadError():
            return OutboundError("connection", "The connection ended before the answer was whole.")
        case aiohttp.ClientConnectionError():
            return OutboundError("connection", "The connection failed.")
        case _:
            return OutboundError("protocol", "The answer was not readable HTTP.")
