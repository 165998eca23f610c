"""One workspace's load beside another's requests: connections are shared, and nobody waits inside a transaction."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from tests.attacks.probe import watching
from tests.harness import Deployment, connect

pytestmark = [pytest.mark.slow, pytest.mark.measured]

SECONDS = 2.0
STORED = (
    "INSERT INTO feedback (id, workspace, body, kind, severity, sentiment, triage, channel, source, author_verified, tags, "
    "attributes, occurred_at, created_at, updated_at, search_text, affected_users) SELECT gen_random_uuid(), w, b, 'bug', 's3', 0, '{}', "
    "'api', 'x', true, '{}', '{}', now(), now(), now(), b, 1 FROM unnest($1::text[]) AS w, generate_series(1, $2) AS n, "
    "repeat('export ' || n || ' fails ', 10) AS b"
)


class Line:
    """A kept connection that sends requests as they are: a client that does more would be what is measured."""

    def __init__(self, deployment: Deployment, key: str) -> None:
        parts = urlsplit(deployment.urls["feedback"])
        self._host, self._port, self._prefix, self._key = parts.hostname, parts.port, parts.path, key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", *head: str) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._host}", f"Authorization: Bearer {self._key}"]
        kind = [] if any(each.startswith("Content-Type") for each in head) else ["Content-Type: application/json"]
        lines += [*kind, f"Content-Length: {len(body)}", *head]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        names = dict(line.lower().split(b": ", 1) for line in answer.split(b"\r\n")[1:-2])
        content = await reader.readexactly(int(names.get(b"content-length", 0)))
        if names.get(b"connection") == b"close":
            self.close()
        return int(answer[9:12]), content

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def key_of(deployment: Deployment, workspace: str, *scopes: str, **more: object) -> str:
    body = {"name": workspace, "workspace": workspace, "scopes": scopes or ["feedback:submit", "feedback:read"]} | more
    answer = await deployment.client("feedback").post("/v1/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["key"]


async def make_known(deployment: Deployment, key: str) -> None:
    """Ask once: of keys that the process does not know yet, few requests may wait."""
    line = Line(deployment, key)
    assert (await line.ask("POST", "/v1/feedback", b'{"body":"x"}'))[0] == 201
    line.close()


@asynccontextmanager
async def neighbour(deployment: Deployment, method: str = "POST", path: str = "/v1/feedback", *, pause: float = 0.02):
    """Ask every 20 ms as another workspace, or as often as is said; yields the milliseconds of each answer, and their statuses."""
    line = Line(deployment, await key_of(deployment, "neighbour"))
    body = b'{"body":"The export fails."}' if method == "POST" else b""
    took: list[float] = []
    statuses: Counter[int] = Counter()

    async def ask() -> None:
        began = time.perf_counter()
        status, _ = await line.ask(method, path, body)
        took.append((time.perf_counter() - began) * 1000)
        statuses[status] += 1

    async def go_on() -> None:
        while True:
            await ask()
            await asyncio.sleep(pause)  # between two questions; cancelled when the block ends

    await ask()
    took.clear()
    going = asyncio.create_task(go_on())
    try:
        yield lambda: Seen(took, statuses)
    finally:
        going.cancel()
        line.close()


class Seen:
    """What the neighbour saw."""

    def __init__(self, took: list[float], statuses: Counter[int]) -> None:
        self.statuses = dict(statuses)
        self.count = len(took)
        self.p50, self.p99, self.max = (sorted(took)[min(int(len(took) * q), len(took) - 1)] for q in (0.5, 0.99, 1))

    def __str__(self) -> str:
        return f"{self.count} {self.statuses} p50 {self.p50:.0f} ms, p99 {self.p99:.0f} ms, max {self.max:.0f} ms"


async def load(lines: list[Line], request: Callable[[int], tuple]) -> Counter[int]:
    """Send requests over all lines for some seconds; returns how many answers had which status."""
    statuses: Counter[int] = Counter()
    until = time.monotonic() + SECONDS

    async def send(number: int, line: Line) -> None:
        while time.monotonic() < until:
            status, _ = await line.ask(*request(number))
            statuses[status] += 1

    await asyncio.gather(*(send(number, line) for number, line in enumerate(lines)))
    for line in lines:
        line.close()
    return statuses


@pytest.mark.timeout(120)
async def test_keyed_batches_all_land_and_nobody_else_waits(embedded_deployment: Deployment):
    """16 keyed batches of 1,000 new rows at once, whose transactions waited for each other's turns until all had ended."""
    key = await key_of(embedded_deployment, "busy")
    lines = [Line(embedded_deployment, key) for _ in range(16)]
    url = embedded_deployment.urls["feedback"].removesuffix("/api/feedback")

    async def send(number: int, line: Line) -> int:
        items = [{"body": f"post {number} {n}", "external_id": f"{number}-{n}"} for n in range(1_000)]
        status, _ = await line.ask(
            "POST", "/v1/feedback:batch", json.dumps({"items": items}).encode(), f"Idempotency-Key: k{number}"
        )
        return status

    async with watching(f"{url}/readyz") as ready, neighbour(embedded_deployment) as seen:
        statuses = Counter(await asyncio.gather(*(send(number, line) for number, line in enumerate(lines))))
        theirs = seen()
    for line in lines:
        line.close()

    print(f"\n16 keyed batches: {dict(statuses)}; the neighbour's posts {theirs}; /readyz {ready()}")
    assert statuses == {200: 16}
    assert set(theirs.statuses) == {201}
    assert ready().failed == 0
    assert theirs.max < 2_000


@pytest.mark.timeout(120)
async def test_known_batches_of_one_key_leave_room_for_others(embedded_deployment: Deployment):
    key = await key_of(embedded_deployment, "busy")
    items = [{"body": "x", "external_id": str(n)} for n in range(1_000)]
    request = ("POST", "/v1/feedback:batch", json.dumps({"items": items}).encode())
    first = Line(embedded_deployment, key)
    assert (await first.ask(*request))[0] == 200
    first.close()

    async with neighbour(embedded_deployment) as alone:
        await asyncio.sleep(1)  # the time that is measured
        quiet = alone()
    async with neighbour(embedded_deployment) as seen:
        statuses = await load([Line(embedded_deployment, key) for _ in range(40)], lambda _: request)
        theirs = seen()

    print(f"\n40 connections of known batches: {dict(statuses)}; the neighbour's posts {theirs}; alone {quiet}")
    assert set(theirs.statuses) == {201}
    assert theirs.p99 < 1_000


@pytest.mark.timeout(120)
async def test_single_posts_of_one_key_leave_room_for_others(embedded_deployment: Deployment):
    key = await key_of(embedded_deployment, "busy")
    async with neighbour(embedded_deployment) as alone:
        await asyncio.sleep(1)  # the time that is measured
        quiet = alone()
    await make_known(embedded_deployment, key)
    async with neighbour(embedded_deployment) as seen:
        lines = [Line(embedded_deployment, key) for _ in range(200)]
        statuses = await load(lines, lambda _: ("POST", "/v1/feedback", b'{"body":"x"}'))
        theirs = seen()

    print(f"\n200 connections of single posts: {dict(statuses)}; the neighbour's posts {theirs}; alone {quiet}")
    assert set(theirs.statuses) == {201}
    assert theirs.p99 < 1_500


@pytest.mark.timeout(120)
async def test_a_publishable_key_leaves_connections_to_others(embedded_deployment: Deployment):
    """600 posts at once by one key for browsers, which all count on one row."""
    shop = {"publishable": True, "origins": ["https://shop.example"], "rows_per_day": 1_000_000}
    key = await key_of(embedded_deployment, "busy", "feedback:submit", **shop)
    async with neighbour(embedded_deployment, "GET", "/v1/feedback?limit=1") as seen:
        await make_known(embedded_deployment, key)
        lines = [Line(embedded_deployment, key) for _ in range(600)]
        answers = await asyncio.gather(*(line.ask("POST", "/v1/feedback", b'{"body":"x"}') for line in lines))
        theirs = seen()
    for line in lines:
        line.close()

    print(f"\n600 publishable posts: {Counter(status for status, _ in answers)}; the neighbour's GETs {theirs}")
    assert set(theirs.statuses) == {200}
    assert theirs.p50 < 500


@pytest.mark.timeout(120)
async def test_pages_of_large_posts_keep_nobody_waiting(embedded_deployment: Deployment):
    key = await key_of(embedded_deployment, "busy")
    attributes = {f"name{n}": "x" * 20 for n in range(300)}
    writer = Line(embedded_deployment, key)
    large = {"body": "long " * 9_999, "attributes": attributes}
    for batch in range(20):
        body = json.dumps({"items": [large | {"external_id": f"{batch}-{n}"} for n in range(10)]}).encode()
        status, content = await writer.ask("POST", "/v1/feedback:batch", body)
        made = (status, {item["status"] for item in json.loads(content)["items"]})
        assert made == (200, {"created"}), content[:500]
    status, content = await writer.ask("GET", "/v1/feedback?limit=200")
    page = json.loads(content)
    writer.close()
    url = embedded_deployment.urls["feedback"].removesuffix("/api/feedback")

    async with watching(f"{url}/healthz") as alive:
        lines = [Line(embedded_deployment, key) for _ in range(6)]
        statuses = await load(lines, lambda _: ("GET", "/v1/feedback?limit=200"))

    print(
        f"\n6 readers of large pages ({len(page['items'])} posts, {len(content)} bytes): {statuses}; /healthz {alive()}"
    )
    assert status == 200
    assert page["next_cursor"] is not None
    assert len(page["items"]) < 100
    assert set(statuses) <= {200, 503}
    alive().require(p99_ms=150, max_ms=500)


@pytest.mark.timeout(180)
async def test_ten_that_search_leave_connections_to_another(embedded_deployment: Deployment):
    """Each over 8 connections, for what none of its 8,000 posts holds; of the pool's connections they had all."""
    greedy = [f"greedy{number}" for number in range(10)]
    owner = await connect(embedded_deployment.database_urls["feedback"])
    await owner.execute(STORED, greedy, 8_000)
    await owner.execute("VACUUM (ANALYZE) feedback")
    await owner.close()
    keys = [await key_of(embedded_deployment, workspace) for workspace in greedy]
    for key in keys:
        await make_known(embedded_deployment, key)

    async with neighbour(embedded_deployment, "GET", "/v1/feedback?limit=1") as seen:
        lines = [Line(embedded_deployment, key) for key in keys for _ in range(8)]
        statuses = await load(lines, lambda _: ("GET", "/v1/feedback?text=nowhere"))
        theirs = seen()

    print(f"\n80 connections of searches: {dict(statuses)}; the neighbour's GETs {theirs}")
    assert set(theirs.statuses) == {200}
    assert set(statuses) <= {200, 503}
    assert theirs.p50 < 500
