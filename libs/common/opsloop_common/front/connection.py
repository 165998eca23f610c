"""One connection: uvicorn's protocol for httptools, with bounds on what its peer sends, holds and leaves unread."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from opsloop_common import limits
from opsloop_common.access.addresses import bearer_token, caller, counted_as, is_within, scheme
from opsloop_common.front import heads, refusals
from opsloop_common.front.flow import Flow
from opsloop_common.front.front import Front
from opsloop_common.front.pace import Phase, is_slow_body, least
from opsloop_common.front.refusals import Refusal, Refused

PIECE = 16 * 1024  # is parsed at once; a read brings up to 256 KiB

# reading a member off its class takes three times as long, and this is asked for every line of a head
_HEAD, _BODY, _ANSWER, _IDLE = Phase
_NOTED = frozenset({b"host", b"expect", b"transfer-encoding", b"content-length"}) | heads.SINGLE
_IN_TURN = "opsloop.in_turn"


class FrontConfig(uvicorn.Config):
    """uvicorn's configuration, with what its connections share."""

    def __init__(self, app: ASGIApp, front: Front, **given: Any) -> None:
        super().__init__(app, http=Connection, **given)
        self.front = front


class Connection(HttpToolsProtocol):
    """Adds to uvicorn's protocol what it has no setting for."""

    config: FrontConfig
    flow: Flow

    def __init__(
        self,
        config: FrontConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.front = config.front
        self.address = self.asks = ""  # of the connection, and of the request at hand
        self.is_proxy = False
        self.credential: int | None = None
        self.phase = _HEAD
        self.now = 0.0  # when data last came
        self.since = 0.0  # this phase, less the time in which we did not read
        self.is_deaf = False
        self.running: RequestResponseCycle | None = None
        self.holds: dict[object, int] = {}
        self.head_bytes = self.trailers = self.body_bytes = self.wire_bytes = self.ignored_bytes = 0
        self.hosts: list[bytes] = []
        self.coding: bytes | None = None
        self.single: dict[bytes, bytes] = {}
        self.unread = (0.0, 0)
        self.ending_since: float | None = None

    # Coming and going

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place among the connections, or say that there is none."""
        super().connection_made(transport)
        self.flow = Flow(transport)
        self.since = self.loop.time()
        if self.client is not None:
            self.address = counted_as(self.client[0])
            self.is_proxy = is_within(self.client[0], self.front.trusted)
        refusal = self.front.admit(self)
        if refusal is not None:
            self.refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back, and wake all requests that wait for this peer (uvicorn wakes the newest only)."""
        self.front.forget(self)
        for cycle in (self.running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Say whether nobody is owed an answer here."""
        return self.phase in (_IDLE, _HEAD) and (self.running is None or self.running.response_complete)

    @property
    def is_unfinished(self) -> bool:
        """Say whether more of a body is to come."""
        return self.phase is _BODY and not self.is_deaf

    @property
    def announced(self) -> int | None:
        """Return how large the body at hand will be, None when its head does not say."""
        size = self.single.get(b"content-length", b"")
        return int(size) if size.isdigit() else None

    def behind(self, now: float) -> float:
        """Return how many bytes the body at hand lacks of what should have come by now."""
        return (now - self.since) * limits.BODY_BYTES_PER_SECOND - self.body_bytes

    # What comes in

    def data_received(self, data: bytes) -> None:
        """Parse what came, in pieces, so that each bound is looked at before much more has been made of it."""
        self.flow.came(len(data), self.loop, self.front.reads)
        if self.is_deaf:
            self._ignore(len(data))
            return
        self.now = self.loop.time()
        if self.phase is _IDLE:
            self._begin_head()
        if len(data) <= PIECE:
            self._feed(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), PIECE):
            self._feed(view[start : start + PIECE])
            if self.is_deaf:
                return

    def _feed(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._without_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            self.refuse(refusals.of_parser(error))
        else:
            if self.phase is not _ANSWER:
                self._count(len(data))

    def _count(self, size: int) -> None:
        if self.phase is _HEAD:
            self.head_bytes += size
            if self.head_bytes > limits.HEAD_BYTES:
                self.refuse(refusals.HEAD_TOO_LARGE)
        elif self.phase is _BODY and self.coding is not None:
            self.wire_bytes += size
            framing = self.wire_bytes - self.body_bytes
            if framing > limits.CHUNK_FRAMING_BYTES + self.body_bytes * limits.CHUNK_FRAMING_SHARE:
                self.refuse(refusals.TOO_MUCH_FRAMING)

    def _without_upgrade(self, rest: bytes) -> None:
        """Read the request again as what it also is: httptools takes its body for another protocol, and nothing here is one.

        Java's HttpClient asks for h2c on its first request, also on a POST.
        """
        head = heads.without_upgrade(self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(head + rest)

    # The parser's calls

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        if self.phase is not _HEAD:
            self._begin_head()
        self.hosts, self.coding, self.single = [], None, {}

    def _begin_head(self) -> None:
        self.phase, self.since = _HEAD, self.now
        self.head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.url += url
        if len(self.url) > limits.TARGET_BYTES:
            raise Refused(refusals.TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head. A trailer is counted and dropped: uvicorn would put it among the headers of a running request."""
        if self.phase is not _HEAD:
            self.trailers += 1
            if self.trailers > limits.HEAD_LINES:
                raise Refused(refusals.TOO_MANY_LINES)
            return
        headers = self.headers
        if len(headers) >= limits.HEAD_LINES:
            raise Refused(refusals.TOO_MANY_LINES)
        name = name.lower()
        headers.append((name, value))
        if name in _NOTED:
            self._note(name, value)

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self.hosts.append(value)
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name == b"transfer-encoding":
            self.coding = value if self.coding is None else b"several"
        elif name in self.single:
            raise Refused(refusals.TWICE)
        else:
            self.single[name] = value

    def on_headers_complete(self) -> None:
        """Check the head as a whole, and begin its request."""
        version = self.parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            raise Refused(refusals.UNKNOWN_VERSION)
        if self.parser.get_method() == b"CONNECT":
            raise Refused(refusals.NO_TUNNELS)
        heads.check_host(self.hosts, version)
        heads.check_coding(self.coding, version)
        self.url = heads.below_authority(self.url, self.hosts)
        heads.check_encoding(self.url)
        if self.parser.should_upgrade():
            return  # it is read again without that
        if len(self.pipeline) >= limits.PIPELINED_REQUESTS:
            raise Refused(refusals.TOO_MANY_AHEAD)
        self.front.silent.pop(self, None)
        self._say_who_asks()
        is_keyed = self.credential is not None and heads.needs_key(self.url)
        if not is_keyed and not heads.is_probe(self.url):
            if not self.front.may_ask_without_key(self.asks, self.now):
                raise Refused(refusals.ADDRESS_ASKS_TOO_MUCH)
            self.scope["extensions"] = {_IN_TURN: {}}
        super().on_headers_complete()
        self.phase, self.since = _BODY, self.now
        self.trailers = self.body_bytes = self.wire_bytes = self.ignored_bytes = 0

    def _say_who_asks(self) -> None:
        """Put the caller into the request's scope; of a trusted proxy, whom and what it forwards."""
        token = bearer_token(self.single.get(b"authorization", b"").decode("latin-1"))
        self.credential = hash(token) if token is not None else None
        self.asks = self.address
        if self.is_proxy and self.client is not None:
            host = caller(self.client[0], self.headers, self.front.trusted)
            self.asks = counted_as(host)
            self.scope["client"] = (host, 0)
            self.scope["scheme"] = scheme(self.headers) or self.scope["scheme"]

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body, unless too much is held already, or nobody wants it any more."""
        cycle = self.cycle
        size = len(body)
        self.body_bytes += size
        if cycle.response_complete:
            self._ignore(size)
            return
        if self.body_bytes > limits.SMALL_BODY_BYTES:
            more = size if self.holds else self.body_bytes
            refusal = self.front.hold(self, credential=self.credential, caller=self.asks, size=more)
            if refusal is not None:
                raise Refused(refusal)
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def _ignore(self, size: int) -> None:
        self.ignored_bytes += size
        if self.ignored_bytes > (limits.IGNORED_BODY_BYTES if self.phase is _BODY else limits.IGNORED_HEAD_BYTES):
            self.is_deaf = True
            self.transport.close()

    def on_message_complete(self) -> None:
        """End a request's body."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self.phase, self.since = (_IDLE if self.cycle.response_complete else _ANSWER), self.now

    # What goes out

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.running = cycle
        if _IN_TURN in cycle.scope.get("extensions", ()):
            self.front.starts.add(self.loop, partial(super()._start_asgi_task, cycle, app))
        else:
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with the next request. The watch closes what stays idle, so uvicorn's timer per request is not begun."""
        self.server_state.total_requests += 1
        if self.holds:
            self.front.release(self)
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.phase is _ANSWER:
            self.phase, self.since = _IDLE, self.loop.time()

    def pause_writing(self) -> None:
        """Begin to count what the peer does not read."""
        super().pause_writing()
        size = self.transport.get_write_buffer_size()
        self.unread = (self.loop.time(), size)
        self.front.not_read(self, size)

    def resume_writing(self) -> None:
        """Count it no more."""
        super().resume_writing()
        self.front.read(self)

    # Ends that are ours

    def refuse(self, refusal: Refusal) -> None:
        """Answer from here and close; where answers are owed for earlier requests, only close after those.

        Closed with bytes of the peer unread, the system would reset the connection, and the answer with it: they are read a while.
        """
        if self.is_deaf:
            return
        self.is_deaf = True
        self.front.refused.labels(refusal.reason).inc()
        if self._owes_others():
            return
        cycle = self.cycle
        is_answered = self.phase is _BODY and (cycle.response_complete or cycle.response_started)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.body.clear()
            cycle.message_event.set()
        self.front.release(self)
        if is_answered:
            self.transport.close()
            return
        self.transport.write(refusal.render())
        self.transport.write_eof()
        self.flow.resume_reading()
        self.ending_since = self.loop.time()

    def shutdown(self) -> None:
        """Close when what is owed has been answered; called once the server is to stop."""
        if self.ending_since is not None:
            self.transport.close()
        else:
            super().shutdown()

    def _owes_others(self) -> bool:
        """Make the last request before the one at hand the connection's last; says whether there is one."""
        if self.phase is _BODY and self.pipeline:
            self.pipeline.popleft()
            (self.pipeline[0][0] if self.pipeline else self.running).keep_alive = False  # type: ignore[union-attr]
            return True
        if self.phase is _HEAD and self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            return True
        return False

    def close_at_once(self, reason: str) -> None:
        """End the connection without a word."""
        self.is_deaf = True
        self.front.refused.labels(reason).inc()
        self.transport.abort()

    # Time

    def check(self, now: float, passed: float) -> None:
        """Close a connection whose peer is too slow; called every `passed` seconds."""
        if self.transport.is_closing():
            self.ending_since = self.ending_since or now
        if self.ending_since is not None:
            if now - self.ending_since > limits.CLOSING_SECONDS:
                self.transport.abort()
            return
        if self.flow.write_paused and self._is_slow_reader(now):
            self.close_at_once("slow_reader")
        elif self.phase is _IDLE:
            if now - self.since > limits.KEEP_ALIVE_SECONDS:
                self.transport.close()
        elif self.flow.read_paused or (self.phase is _BODY and self.cycle.waiting_for_100_continue):
            self.since += passed
        elif self.phase is _HEAD:
            if now - self.since > limits.HEAD_SECONDS:
                self._too_late()
        elif self.phase is _BODY and is_slow_body(now - self.since, came=self.body_bytes, announced=self.announced):
            self.refuse(refusals.BODY_TOO_SLOW)

    def _too_late(self) -> None:
        if self.head_bytes or self.cycle is not None:
            self.refuse(refusals.HEAD_TOO_SLOW)
        else:
            self.close_at_once("silent")  # it has asked for nothing

    def _is_slow_reader(self, now: float) -> bool:
        began, size = self.unread
        return size - self.transport.get_write_buffer_size() < least(now - began)
