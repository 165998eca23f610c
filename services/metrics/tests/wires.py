"""One event in each vendor's protocol, for tests that hold all their doors to the same."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

import httpx

from opsloop_common.http.vendors import zstd

EXTRA = "what stands for any JSON"


@dataclass(frozen=True)
class Wire:
    """A door, and a body with one event for it: of a key, an event's name, an id of the message and a property's value."""

    path: str
    body: Callable[[str, str, str], Any]
    refused: frozenset[str]
    status: int = 200
    header: bool = False
    query: str = ""
    has_message_ids: bool = True
    is_packed: bool = False

    def address(self, key: str) -> str:
        return f"{self.path}?{self.query}={key}" if self.query else self.path

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if self.header else {}

    def text(self, key: str, event: str = "Signed Up", *, id: str = "", extra: str = '"x"') -> bytes:
        """Return a body as it is sent; `extra` is the JSON text of a property's value."""
        said = json.dumps(self.body(key, event, id or str(uuid4())), ensure_ascii=False)
        return said.replace(json.dumps(EXTRA), extra).encode()


def _segment(key, event, id):
    message = {"type": "track", "event": event, "messageId": id, "userId": "u1", "properties": {"extra": EXTRA}}
    return {"batch": [message], "writeKey": key}


def _posthog(key, event, id):
    message = {"event": event, "uuid": id, "distinct_id": "u1", "properties": {"extra": EXTRA}}
    return {"batch": [message], "api_key": key}


def _umami(key, event, id):
    payload = {"website": key, "name": event, "hostname": "shop.example", "url": "/pricing", "data": {"extra": EXTRA}}
    return {"type": "event", "payload": payload}


def _plausible(key, event, id):
    return {"n": event, "u": "https://shop.example/pricing", "d": key, "p": {"extra": EXTRA}}


def _mixpanel(key, event, id):
    return {"event": event, "properties": {"token": key, "distinct_id": "u1", "$insert_id": id, "extra": EXTRA}}


def _amplitude(key, event, id):
    message = {"event_type": event, "user_id": "u1", "insert_id": id, "event_properties": {"extra": EXTRA}}
    return {"api_key": key, "events": [message]}


def _google(key, event, id):
    return {"client_id": "c1", "events": [{"name": event, "params": {"extra": EXTRA}}]}


_POSTHOGS = frozenset({"type", "code", "detail", "attr"})
WIRES = {
    "segment": Wire("/v1/batch", _segment, frozenset({"code", "message"})),
    "posthog": Wire("/batch/", _posthog, _POSTHOGS, is_packed=True),
    "posthog v1": Wire("/i/v1/analytics/events", _posthog, _POSTHOGS, header=True),
    "umami": Wire("/api/send", _umami, frozenset({"error"}), has_message_ids=False),
    "plausible": Wire("/api/event", _plausible, frozenset({"errors"}), status=202, has_message_ids=False),
    "mixpanel": Wire("/track", _mixpanel, frozenset({"status", "error"}), is_packed=True),
    "amplitude": Wire("/2/httpapi", _amplitude, frozenset({"code", "error"})),
    "google": Wire("/mp/collect", _google, frozenset({"error"}), status=204, query="api_secret", has_message_ids=False),
}

Packed = tuple[bytes, dict[str, str]]


def _deflated(body: bytes) -> Packed:
    return zlib.compress(body), {"Content-Encoding": "deflate"}


def _form(value: bytes) -> Packed:
    return f"data={quote_plus(value)}&ip=1".encode(), {"Content-Type": "application/x-www-form-urlencoded"}


PACKINGS: dict[str, Callable[[bytes], Packed]] = {
    "as it is": lambda body: (body, {"Content-Type": "application/json"}),
    "as text": lambda body: (body, {"Content-Type": "text/plain;charset=UTF-8"}),
    "gzip": lambda body: (gzip.compress(body), {"Content-Encoding": "gzip"}),
    "gzip called text": lambda body: (gzip.compress(body), {"Content-Type": "text/plain"}),
    "gzip called a form": lambda body: (
        gzip.compress(body),
        {"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "called gzip": lambda body: (body, {"Content-Encoding": "gzip"}),
    "deflate": _deflated,
    "zstd": lambda body: (zstd.compress(body), {"Content-Encoding": "zstd"}),
}
BROWSERS: dict[str, Callable[[bytes], Packed]] = {
    "a form": _form,
    "base64 in a form": lambda body: _form(base64.b64encode(body)),
    "base64 for addresses, without padding": lambda body: _form(base64.urlsafe_b64encode(body).rstrip(b"=")),
    "gzip in base64 in a form": lambda body: _form(base64.b64encode(gzip.compress(body))),
    "a form in gzip": lambda body: (gzip.compress(_form(base64.b64encode(body))[0]), {}),
}
"""How clients in pages wrap what they send, besides."""


class Capture:
    """A metrics service with an event store, and a key that may capture."""

    def __init__(self, world: Any, store: Any) -> None:
        self.world, self.store = world, store
        self.key: str = world.headers["Authorization"].removeprefix("Bearer ")

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send JSON, or `content` as it is, without a key in the head."""
        sent = {"headers": {}} | ({"json": body} if body is not None else {}) | options
        return await self.world.send("POST", path, **sent)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.world.send("GET", path, **({"headers": {}} | options))

    async def publishable(self, **options: Any) -> str:
        """Make a key for pages of https://shop.example."""
        made = await self.world.api.publishable("metrics:capture", **options)
        return str(made["Authorization"].removeprefix("Bearer "))

    async def stored(self, columns: str = "event") -> list[Any]:
        """Return what is stored, in the order of its arrival; of one column its values."""
        rows = (await self.store.query(f"SELECT {columns} FROM opsloop.event ORDER BY received_at, event")).rows
        return [row[0] for row in rows] if "," not in columns else [tuple(row) for row in rows]
