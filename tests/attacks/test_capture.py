"""What strangers may throw at the doors of products' clients and at questions: answered soon, in bounded memory, never with a 5xx."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from uuid import uuid4

import httpx
import psutil
import pytest

from opsloop_common.http.vendors import zstd
from services.metrics.tests.wires import WIRES, Wire
from tests.attacks.bombs import MIB
from tests.attacks.probe import watching
from tests.harness import Deployment

pytestmark = [pytest.mark.slow, pytest.mark.measured]

AT_ONCE = 4
SECONDS = 30.0
MOST_MIB = 600
"""More than the process had: a body of 20 MiB costs about five times that as Python's values, and four are under way."""
KEY = "{key}"


def _zeros(mib: int) -> bytes:
    """Return `mib` MiB of spaces, packed to a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * MIB) for _ in range(mib)) + packer.flush()


@cache
def bodies() -> dict[str, bytes]:
    """Return whole bodies; not made at import: packing 580 MiB takes seconds, in each process that collects the tests."""
    return {
        "nothing": b"",
        "half a text": b'{"batch": ["',
        "lists in lists": b"[" * 200_000,
        "objects in objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "a number of 100,000 digits": b'{"batch": [' + b"9" * 100_000 + b"]}",
        "two million numbers": b'{"batch": [' + b"0," * 2_000_000 + b"0]}",
        "half a million empty objects": b'{"batch": [' + b"{}," * 500_000 + b"{}]}",
        "not UTF-8": b'{"batch": "\xff\xfe\x80"}',
        "UTF-16": '{"batch": []}'.encode("utf-16"),
        "nul bytes": b"\x00" * 10_000,
        "gzip of nothing much": _zeros(512),
        "half of a gzip": _zeros(4)[:-40],
        "gzip in gzip": gzip.compress(_zeros(64)),
        "broken gzip": b"\x1f\x8b\x08\x00" + b"x" * 1_000,
        "zstd of nothing much": zstd.compress(b" " * (64 * MIB)),
        "a form of a million fields": b"data=1&" * 1_000_000,
        "base64 that is none": b"data=" + b"!" * 100_000,
    }


EXTRAS: dict[str, str] = {
    "levels": '{"a":' * 2_000 + "1" + "}" * 2_000,
    "more levels than one may": '{"a":' * 30 + "1" + "}" * 30,
    "an infinite number": "1e999",
    "an integer of a thousand digits": "9" * 1_000,
    "half a character": '"\\ud83d"',
    "nul": '"\\u0000"',
    "a megabyte": '"' + "付" * 400_000 + '"',
    "names": "{" + ",".join(f'"{number}":{number}' for number in range(100_000)) + "}",
    "a name of a megabyte": '{"' + "n" * MIB + '": 1}',
}


def throws(name: str, wire: Wire, key: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is thrown at one vendor's door: whole bodies, and good ones with something bad in a property."""
    yield from ((f"{name}: {what}", body) for what, body in bodies().items())
    for what, extra in EXTRAS.items():
        yield f"{name}: a property of {what}", wire.text(key, extra=extra)
    many = wire.text(key)
    yield f"{name}: behind a megabyte of spaces", b" " * MIB + many
    yield f"{name}: packed twice", gzip.compress(gzip.compress(many))


class Seen:
    """What was answered, and what should not have been."""

    def __init__(self) -> None:
        self.count = 0
        self.slowest = (0.0, "")
        self.faults: list[str] = []

    async def note(self, what: str, ask: Callable[[], object]) -> None:
        began = time.perf_counter()
        try:
            answer = await ask()
        except httpx.TimeoutException:
            self.faults.append(f"no answer: {what}")
        except httpx.HTTPError:  # closed before all of it was sent
            pass
        else:
            if answer.status_code >= 500:
                self.faults.append(f"{answer.status_code} {what}: {answer.text[:200]}")
        self.count += 1
        self.slowest = max(self.slowest, (time.perf_counter() - began, what))


async def _key(deployment: Deployment, workspace: str, *scopes: str) -> str:
    wanted = {"name": f"k{uuid4().hex[:6]}", "workspace": workspace, "scopes": list(scopes)}
    answer = await deployment.client("metrics").post("/v1/api-keys", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()["key"]


async def _at_once(asks: Iterator[tuple[str, Callable[[], object]]], seen: Seen) -> None:
    async def one_after_the_other() -> None:
        for what, ask in asks:
            await seen.note(what, ask)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


def _memory(deployment: Deployment) -> int:
    return psutil.Process(deployment.process_of("metrics").pid).memory_info().rss // MIB


@pytest.mark.timeout(600)
async def test_no_body_stalls_the_doors_of_clients(embedded_deployment: Deployment):
    key = await _key(embedded_deployment, "acme", "metrics:capture", "metrics:read")
    url, seen = embedded_deployment.urls["metrics"], Seen()
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS, base_url=url) as client:
        idle = _memory(embedded_deployment)
        good = await client.post(WIRES["segment"].path, content=WIRES["segment"].text(key, "Before"))
        assert good.status_code == 200, good.text
        before = _memory(embedded_deployment)

        def asks() -> Iterator[tuple[str, Callable[[], object]]]:
            for name, wire in WIRES.items():
                headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
                for what, body in throws(name, wire, key):
                    yield (
                        what,
                        lambda wire=wire, body=body, headers=headers: client.post(
                            wire.address(key), content=body, headers=headers
                        ),
                    )

        bodies()  # before anybody is watched
        async with watching(f"{embedded_deployment.urls['feedback']}/healthz") as watched:
            await _at_once(asks(), seen)
        after = _memory(embedded_deployment)
        print(
            f"\n{seen.count} bodies, slowest {seen.slowest}, memory {idle} (no event yet) -> {before} -> {after} MiB, beside: {watched()}"
        )
        assert seen.faults == []
        assert after - before < MOST_MIB
        watched().require()
        again = await client.post(WIRES["segment"].path, content=WIRES["segment"].text(key, "After"))
        assert again.status_code == 200, again.text


@pytest.mark.timeout(300)
async def test_no_question_stalls_those_who_ask(embedded_deployment: Deployment):
    key = await _key(embedded_deployment, "acme", "metrics:read")
    url, seen = embedded_deployment.urls["metrics"], Seen()
    document = (await embedded_deployment.client("metrics").get("/openapi.json")).json()
    paths = [path for path in document["paths"] if path.startswith("/v1/insights/")]
    assert len(paths) >= 8
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS, base_url=url, headers=headers) as client:

        def asks() -> Iterator[tuple[str, Callable[[], object]]]:
            for path in paths:
                for what, body in bodies().items():
                    if not what.startswith(("gzip", "half of", "broken", "zstd")):
                        yield f"{path}: {what}", lambda path=path, body=body: client.post(path, content=body)

        await _at_once(asks(), seen)
    print(f"\n{seen.count} questions, slowest {seen.slowest}")
    assert seen.faults == []


@pytest.mark.timeout(300)
async def test_wrong_keys_bring_nothing_in_and_a_foreign_one_only_to_its_own(embedded_deployment: Deployment):
    acme = await _key(embedded_deployment, "acme", "metrics:capture", "metrics:read")
    other = await _key(embedded_deployment, "other", "metrics:capture", "metrics:read")
    reader = await _key(embedded_deployment, "acme", "metrics:read")
    feedback = await embedded_deployment.client("feedback").post(
        "/v1/api-keys", json={"name": "f", "workspace": "acme", "scopes": ["feedback:read"]}
    )
    wrong = [feedback.json()["key"], reader, acme[:-1] + ("0" if acme[-1] != "0" else "1"), "", "x" * 5_000, "\u4ed8"]
    url = embedded_deployment.urls["metrics"]
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS, base_url=url) as client:
        for name, wire in WIRES.items():
            for key in wrong:
                # a header carries no Chinese, and an address no more than 8 KiB: then only the body has the key
                headers = wire.headers(key) if key and key.isascii() else {}
                answer = await client.post(wire.address(key), content=wire.text(key, "Wrong"), headers=headers)
                assert answer.status_code in (200, 401, 403), (name, key[:9], answer.status_code, answer.text)
                if (
                    answer.status_code == 200
                ):  # Mixpanel's word for no is 200 with a zero, PostHog's as its clients want it
                    assert answer.text in ("0", '"0"') or '"status":0' in answer.text.replace(" ", ""), (
                        name,
                        answer.text,
                    )
            taken = await client.post(
                wire.address(other), content=wire.text(other, "Theirs"), headers=wire.headers(other)
            )
            assert taken.status_code == wire.status, (name, taken.text)
        query = {"series": [{"event": "Theirs", "aggregate": "count"}, {"event": "Wrong", "aggregate": "count"}]}
        totals = {}
        for workspace, key in (("acme", acme), ("other", other)):
            answer = await client.post(
                "/v1/insights/trends",
                json=query | {"include_filtered": True},
                headers={"Authorization": f"Bearer {key}"},
            )
            assert answer.status_code == 200, answer.text
            totals[workspace] = [series["total"] for series in answer.json()["series"]]

    assert totals == {"acme": [0, 0], "other": [len(WIRES), 0]}
