"""Strangers at the HTTP front of a real `opsloop up` that may open 1,024 files: what they send, hold, and leave unread."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from opsloop.data import postgres_dir
from opsloop_common import limits
from opsloop_common.embedded_postgres import PostgresServer
from tests import harness
from tests.attacks.probe import Seen, watching

pytestmark = [pytest.mark.slow, pytest.mark.measured]
MIB, FILES = 1024 * 1024, 1024
POST = b"POST /api/feedback/v1/feedback HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
BATCH = POST.replace(b"/v1/feedback ", b"/v1/feedback:batch ")


@pytest.fixture(scope="module")
def opsloop(prepared_data: Path) -> Iterator[harness.Deployment]:
    """One deployment for all attacks here: each must leave it as it found it."""
    folder = Path(tempfile.mkdtemp(prefix="opsloop-front-"))
    folder.chmod(0o755)  # so that PostgreSQL's user may enter
    subprocess.run(["cp", "-a", str(prepared_data), str(folder)], check=True)  # with its owner, which is not ours
    deployment = harness.embedded(
        folder,
        socket_dir=lambda data_dir: PostgresServer(postgres_dir(data_dir)).socket_dir,
        is_forked=False,
        OPSLOOP_RATE_LIMIT_PER_SECOND="100000",
        OPSLOOP_RATE_LIMIT_BURST="100000",
    )
    process = deployment.processes["opsloop"]
    process.command = ["sh", "-c", f'ulimit -n {FILES}; exec "$@"', "opsloop", *process.command]
    process.start()
    with harness.killed_after(process):
        asyncio.run(deployment.ready())
        yield deployment
        assert process.terminate() == 0, process.tail()
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Damage:
    """What others saw while an attack went on."""

    kept: Seen | None = None
    fresh: Seen | None = None
    posted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    rss_before: float = 0.0
    rss_most: float = 0.0

    def __str__(self) -> str:
        return (
            f"healthz kept: {self.kept}; fresh: {self.fresh}; another workspace: {self.posted} posts taken, "
            f"{dict(self.refused) or 'none'} refused, slowest {self.slowest_ms:.0f} ms; "
            f"RSS {self.rss_before:.0f} MiB before, {self.rss_most:.0f} MiB at most"
        )

    def require(self, *, more_mib: float) -> None:
        """Assert that nobody else was harmed, and how much memory it may have cost."""
        assert self.kept is not None
        assert self.fresh is not None
        self.kept.require()
        self.fresh.require()
        assert not self.refused
        assert self.posted > 5
        assert self.rss_most - self.rss_before < more_mib, str(self)


@asynccontextmanager
async def watched(opsloop: harness.Deployment) -> AsyncIterator[Damage]:
    """Watch health, another workspace's posts, and memory for the length of the block."""
    damage = Damage()
    process = psutil.Process(opsloop.processes["opsloop"].pid)
    health = f"{opsloop.urls['feedback'].removesuffix('/api/feedback')}/healthz"
    key = await key_of(opsloop, "another", "feedback:submit")
    damage.rss_before = process.memory_info().rss / MIB

    async def look_and_post(client: httpx.AsyncClient) -> None:
        while True:
            damage.rss_most = max(damage.rss_most, process.memory_info().rss / MIB)
            began = time.perf_counter()
            try:
                answer = await client.post("/v1/feedback", json={"body": "all is well"})
                damage.posted += answer.status_code == 201
                if answer.status_code != 201:
                    damage.refused[str(answer.status_code)] += 1
            except httpx.HTTPError as error:
                damage.refused[type(error).__name__] += 1
            damage.slowest_ms = max(damage.slowest_ms, (time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.05)  # between two posts; cancelled when the block ends

    async with (
        watching(health) as kept,
        watching(health, fresh=True) as fresh,
        httpx.AsyncClient(
            base_url=opsloop.urls["feedback"], headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        ) as client,
    ):
        watcher = asyncio.create_task(look_and_post(client))
        await asyncio.sleep(0.5)  # so that it has looked before the damage
        try:
            yield damage
        finally:
            await asyncio.sleep(0.3)  # so that it looks after the damage too
            watcher.cancel()
            await asyncio.wait([watcher])
    damage.kept, damage.fresh = kept(), fresh()


async def key_of(opsloop: harness.Deployment, workspace: str, *scopes: str) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(
            f"{opsloop.urls['feedback']}/v1/api-keys",
            json={"name": "partner", "scopes": list(scopes), "workspace": workspace},
            headers={"Authorization": f"Bearer {opsloop.key}"},
        )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def place(opsloop: harness.Deployment) -> tuple[str, int]:
    parts = urlsplit(opsloop.urls["feedback"])
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@dataclass
class Peer:
    """One connection of an attacker, and what came of it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sent: int = 0

    async def send(self, piece: bytes, times: int = 1) -> None:
        """Send as long as the other side takes it."""
        with suppress(ConnectionError):
            for _ in range(times):
                self.writer.write(piece)
                await self.writer.drain()
                self.sent += len(piece)
                if self.reader.at_eof() or self.writer.is_closing():
                    return

    async def told(self, within: float = 30.0) -> str:
        """Return the status of the answer; `closed` when there was none before the connection ended."""
        try:
            async with asyncio.timeout(within):
                line = await self.reader.readline()
        except ConnectionError:
            return "closed"
        except TimeoutError:
            return "nothing"
        return line.split()[1].decode() if line else "closed"


@asynccontextmanager
async def peers(opsloop: harness.Deployment, count: int) -> AsyncIterator[list[Peer]]:
    """Open connections, and close them in the end."""
    host, port = place(opsloop)
    opened = [Peer(*await asyncio.open_connection(host, port)) for _ in range(count)]
    try:
        yield opened
    finally:
        for peer in opened:
            peer.writer.transport.abort()
        await asyncio.sleep(0)


async def at_once(crowd: list[Peer], act: Callable[[Peer], Awaitable[str]]) -> Counter[str]:
    return Counter(await asyncio.gather(*[act(peer) for peer in crowd]))


@pytest.mark.parametrize(
    ("name", "begin", "piece", "times"),
    [
        ("20 MiB of header lines a:b", b"GET / HTTP/1.1\r\nHost: a\r\n", b"a:b\r\n" * 13_108, 320),
        ("400 MiB of one header", b"GET / HTTP/1.1\r\nHost: a\r\nx: ", b"x" * MIB, 400),
        ("64 MiB of a target", b"GET /", b"x" * MIB, 64),
        ("64 MiB of empty lines", b"", b"\r\n" * (MIB // 2), 64),
        (
            "64 MiB of trailers",
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"a:b\r\n" * 100_000,
            128,
        ),
        ("64 MiB of a chunk extension", BATCH % b"%s" + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * MIB, 64),
        ("1-byte chunks", BATCH % b"%s" + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 100_000, 20),
        ("14,000 requests ahead of their answers", b"", b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n" * 14_000, 1),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
async def test_what_has_no_end_is_cut_short(opsloop, name, begin, piece, times):
    key = await key_of(opsloop, "stranger", "feedback:submit")
    begin = begin.replace(b"%s", key.encode())

    async def attack(peer: Peer) -> str:
        await peer.send(begin + piece)
        await peer.send(piece, times - 1)
        return await peer.told()

    async with watched(opsloop) as damage, peers(opsloop, 4) as crowd:
        told = await at_once(crowd, attack)
    print(f"\n{name}, on 4 connections: {sum(p.sent for p in crowd) / MIB:.1f} MiB sent, told {dict(told)}; {damage}")

    damage.require(more_mib=32)
    assert not {"nothing"} & told.keys()


async def test_unfinished_bodies_of_one_key(opsloop):
    key = (await key_of(opsloop, "stranger", "feedback:submit")).encode()
    size = 8 * MIB

    async def attack(peer: Peer) -> str:
        await peer.send(BATCH % key + b"Content-Length: %d\r\n\r\n" % size)
        await peer.send(b" " * 65_536, size // 65_536 - 1)
        return await peer.told(within=3)

    async with watched(opsloop) as damage, peers(opsloop, 60) as crowd:
        told = await at_once(crowd, attack)
    print(f"\n60 unfinished bodies of 8 MiB by one key: told {dict(told)}; {damage}")

    assert told["429"] >= 50
    # 32 MiB of the key, and as much again while pieces are put together
    damage.require(more_mib=128)


async def test_unfinished_bodies_of_many_keys_leave_room_for_others(opsloop):
    *keys, other = [await key_of(opsloop, f"sender{number}", "feedback:submit") for number in range(7)]
    batch, bearer = {"items": [{"body": "x" * 1000}] * 90}, {"Authorization": f"Bearer {other}"}
    told: Counter[int] = Counter()

    async def attack(peer: Peer, key: bytes) -> None:
        await peer.send(BATCH % key + b"Content-Length: %d\r\n\r\n" % (8 * MIB))
        await peer.send(b" " * 65_536, 127)

    async with watched(opsloop) as damage, peers(opsloop, 24) as crowd:
        await asyncio.gather(*[attack(peer, keys[number % 6].encode()) for number, peer in enumerate(crowd)])
        async with httpx.AsyncClient(base_url=opsloop.urls["feedback"], timeout=30, trust_env=False) as client:
            for _ in range(5):
                told[(await client.post("/v1/feedback:batch", json=batch, headers=bearer)).status_code] += 1
    print(f"\n24 unfinished batches of 8 MiB by 6 keys: another's batches of 90 KB were told {dict(told)}; {damage}")

    assert told == {200: 5}
    damage.require(more_mib=224)


async def test_the_contract_asked_for_without_end(opsloop):
    ask = b"GET /api/feedback/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"

    async def attack(peer: Peer) -> str:
        await peer.send(ask * 16)
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(2):
                return "429" if b"HTTP/1.1 429" in await peer.reader.read() else "closed"
        return "all"

    async with watched(opsloop) as damage:
        for _ in range(3):
            async with peers(opsloop, 100) as crowd:
                told = await at_once(crowd, attack)
                await asyncio.sleep(0.5)
    print(f"\n16 keyless requests at once on 100 connections, three times: told {dict(told)}; {damage}")

    damage.require(more_mib=64)
    assert told["429"] + told["closed"] > 50


async def test_silent_connections_beyond_the_file_limit(opsloop):
    async with watched(opsloop) as damage, peers(opsloop, 1100):
        await asyncio.sleep(3.0)  # how long they are silent
        files = psutil.Process(opsloop.processes["opsloop"].pid).num_fds()
    news = opsloop.processes["opsloop"].log.read_text().count("too many connections")
    print(f"\n1,100 silent connections at {FILES} files: {files} files open, logged {news} time(s); {damage}")

    damage.require(more_mib=48)
    assert files < FILES - 200
    assert news == 1


async def test_who_is_slow_has_ten_seconds_and_who_does_not_read_too(opsloop):
    key = (await key_of(opsloop, "stranger", "feedback:submit")).encode()
    ways = {
        "silent": b"",
        "half a head": b"GET / HTTP/1.1\r\nHo",
        "a second head": b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /",
        "no body": POST % key + b"Content-Length: 100\r\n\r\n",
        "a trickled body": BATCH % key + b"Content-Length: 100000\r\n\r\n",
    }

    async def attack(peer: Peer, way: str) -> str:
        began = time.monotonic()
        await peer.send(ways[way])
        if way == "a second head":
            await peer.reader.readuntil(b'"}')
        last = asyncio.create_task(peer.told(within=20))
        while not last.done():
            await asyncio.sleep(0.5)  # `told` waits 20 s at most
            if way == "a trickled body":
                await peer.send(b" " * 100)
        return f"{way}: {await last} after {time.monotonic() - began:.0f} s"

    async with watched(opsloop) as damage, peers(opsloop, 5 * len(ways)) as crowd, unread(opsloop, 40) as readers:
        found = await asyncio.gather(*[attack(peer, way) for peer, way in zip(crowd, [*ways] * 5, strict=True)])
        reading = {reader.getsockname()[1] for reader in readers}

        async def none_is_left() -> bool:
            ends = psutil.Process(opsloop.processes["opsloop"].pid).net_connections("tcp")
            return not [end for end in ends if end.raddr and end.raddr.port in reading]

        await harness.eventually(none_is_left, within=15, every=0.5, what="unread answers dropped")
    print(f"\nslow in 5 ways, 5 each: {dict(Counter(found))}; 40 who read no answer are gone; {damage}")

    damage.require(more_mib=160)
    for line in found:
        assert int(line.split(" after ")[1].split()[0]) <= 13
        assert ("408" if "silent" not in line else "closed") in line


@asynccontextmanager
async def unread(opsloop: harness.Deployment, count: int) -> AsyncIterator[list[socket.socket]]:
    """Ask for large answers with the smallest window there is, and read none."""
    readers = []
    for _ in range(count):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        reader.connect(place(opsloop))
        reader.sendall(b"GET /api/feedback/docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n" * 4)
        readers.append(reader)
        await asyncio.sleep(0)
    try:
        yield readers
    finally:
        for reader in readers:
            reader.close()


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/healthz", "/readyz", "/metrics", "/nothing", "/api/nothing", "/api/feedback/healthz"),
        *("/api/feedback/docs", "/api/feedback/docs/assets/swagger-ui.css", "/api/feedback/openapi.json"),
        *("/api/feedback/v1/feedback", "/api/feedback/v1/nothing", "/api/campaigns/nothing"),
    ],
)
async def test_every_answer_has_the_headers_that_browsers_heed(opsloop, path):
    base = opsloop.urls["feedback"].removesuffix("/api/feedback")
    async with httpx.AsyncClient(trust_env=False) as client:
        for headers in ({}, {"Authorization": f"Bearer {opsloop.key}"}, {"Host": "bad host"}):
            answer = await client.get(base + path, headers=headers)
            seen = answer.headers
            assert answer.status_code == (400 if "Host" in headers else answer.status_code)
            assert seen["x-content-type-options"] == "nosniff"
            assert seen["x-frame-options"] == "DENY"
            assert seen["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in seen["content-security-policy"]
            assert "unsafe-inline" not in seen["content-security-policy"]
            assert seen["x-request-id"]
            assert len(seen.get_list("x-request-id")) == len(seen.get_list("content-security-policy")) == 1
            if ("/assets/" not in path and not path.endswith("openapi.json")) or answer.status_code == 400:
                assert seen["cache-control"] == "no-store"


def test_the_bounds_here_are_those_of_the_page():
    page = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
    for shown in (
        f"{limits.HEAD_BYTES // 1024} KiB, {limits.HEAD_LINES} lines",
        f"{limits.TARGET_BYTES // 1024} KiB",
        f"{limits.HEAD_SECONDS:.0f} s",
        f"{limits.KEEP_ALIVE_SECONDS:.0f} s",
        f"{limits.LEAST_BYTES_PER_SECOND // 1024} KiB/s",
        f"{limits.BODY_BYTES_PER_KEY // MIB} MiB",
        f"{limits.BODY_BYTES_PER_ADDRESS // MIB} MiB",
        f"{limits.BODY_BYTES_PER_PROCESS // MIB} MiB",
        f"{limits.CONNECTIONS:,}",
        str(limits.RESERVED_FILES),
    ):
        assert shown in page, shown
