"""The documents of an OpenID Connect issuer, read within bounds: whatever it sends, others go on meanwhile."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
import jwt
import orjson

from opsloop_common import limits
from opsloop_common.foreign import Unreadable, readable, reading
from opsloop_common.tls import hardened

# of a key, what makes it public: the check of a private one costs seconds, and nobody needs it here
_PUBLIC = frozenset({"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"})


class _BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that gives little at a time, and not more than a document can have."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._bytes_left = limits.ISSUER_DOCUMENT_BYTES
        self._lines_left = limits.ISSUER_DOCUMENT_LINES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # h11 reads all that it has before anybody else may run: 64 KiB of `103`s took 130 ms, as many header lines 40 ms
        data = await self._inner.read(min(max_bytes, limits.ISSUER_READ_BYTES), timeout)
        self._bytes_left -= len(data)
        self._lines_left -= data.count(b"\n")
        if self._bytes_left < 0 or self._lines_left < 0:
            raise httpcore.ReadError("more than a document of an issuer can have")
        await asyncio.sleep(0)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _BoundedStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _BoundedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        options = [*(socket_options or ()), (socket.SOL_SOCKET, socket.SO_RCVBUF, limits.CALL_RECEIVE_BUFFER_BYTES)]
        return _BoundedStream(await self._inner.connect_tcp(host, port, timeout, local_address, options))


class IssuerClient:
    """Reads an issuer's configuration and keys. The operator's proxy settings hold; redirects are not followed."""

    def __init__(self) -> None:
        self._tls = hardened(httpx.create_ssl_context())  # once: it reads all authorities, which takes 20 ms

    async def keys(self, issuer: str) -> list[jwt.PyJWK]:
        """Return the keys an issuer signs with. Raises Unreadable, whatever was wrong: no answer, or none that makes sense."""
        try:
            return await self._keys(issuer)
        except TimeoutError as error:
            raise Unreadable("no answer in time") from error

    async def _keys(self, issuer: str) -> list[jwt.PyJWK]:
        async with asyncio.timeout(limits.ISSUER_SECONDS), self._client() as client:
            configuration = await _document(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
            if configuration.get("issuer") != issuer:
                raise Unreadable("the configuration is of another issuer")
            address = configuration.get("jwks_uri")
            if not isinstance(address, str):
                raise Unreadable("the configuration names no keys")
            found = (await _document(client, address)).get("keys")
        if not isinstance(found, list) or len(found) > limits.ISSUER_KEYS:
            raise Unreadable("the issuer has no list of keys, or too long a one")
        return [key for each in found if (key := _public_key(each)) is not None]

    def _client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            verify=self._tls,
            timeout=limits.ISSUER_SECONDS,
            headers={"Accept-Encoding": "identity"},  # nothing is unpacked
            follow_redirects=False,
        )
        for transport in (client._transport, *client._mounts.values()):
            if isinstance(transport, httpx.AsyncHTTPTransport):
                # httpx hands no backend on to httpcore, which takes one; tests/attacks/test_peers.py fails if this is gone
                pool = transport._pool
                pool._network_backend = _BoundedBackend(pool._network_backend)
        return client


async def _document(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    with reading():
        answer = await client.send(client.build_request("GET", address), stream=True)
        try:
            answer.raise_for_status()
            content = b"".join([piece async for piece in answer.aiter_raw()])
        finally:
            await answer.aclose()
        found = orjson.loads(content)
    if not isinstance(found, dict):
        raise Unreadable("not a JSON object")
    return found


def _public_key(given: Any) -> jwt.PyJWK | None:
    if not isinstance(given, dict) or given.get("use") not in (None, "sig"):
        return None
    public = {name: value for name, value in given.items() if name in _PUBLIC and isinstance(value, str)}
    if any(len(value) > limits.ISSUER_KEY_CHARACTERS for value in public.values()):
        return None
    return readable(jwt.PyJWK.from_dict, public)  # None: of a kind that we do not know, or no key at all
