"""Two partners post the same external_ids in every way at once: nothing is lost, and nobody is told of the other's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import product

import httpx
import pytest

from tests.attacks.probe import watching
from tests.harness import Deployment

pytestmark = [pytest.mark.slow, pytest.mark.measured]

SOURCES = ("partner-a", "partner-b")
EXTERNAL_IDS = [str(1001 + n) for n in range(20)]
AT_ONCE = 8
RECEIPT = {"id", "number", "status", "external_id", "channel", "source", "created_at"}


@dataclass
class Partner:
    """One sender, and what it was ever told."""

    source: str
    client: httpx.AsyncClient
    ids: dict[str, set[str]] = field(default_factory=lambda: {external_id: set() for external_id in EXTERNAL_IDS})
    created: int = 0
    answers: list[str] = field(default_factory=list)

    def post(self, external_id: str) -> dict[str, object]:
        """Return a post in which every text that may hold its sender's name does."""
        mine = f"secret-of-{self.source}"
        author = {"user_id": mine, "email": f"{mine}@example.test", "name": mine}
        return {
            "body": mine, "title": mine, "external_id": external_id, "author": author, "tags": [mine], "area": mine,
            "attributes": {mine: mine},
        }  # fmt: skip

    async def single(self, external_id: str, headers: dict[str, str]) -> None:
        answer = await self.client.post("/v1/feedback", json=self.post(external_id), headers=headers)
        assert answer.status_code in (200, 201), answer.text
        assert set(answer.json()) == RECEIPT
        self._note(answer, external_id, answer.json()["id"])
        self.created += answer.status_code == 201 and "idempotency-replayed" not in answer.headers

    async def batch(self, external_ids: list[str]) -> None:
        items = [self.post(external_id) for external_id in external_ids]
        answer = await self.client.post("/v1/feedback:batch", json={"items": items})
        for row in answer.json()["items"]:
            self._note(answer, row["external_id"], row["id"])
            self.created += row["status"] == "created"

    def _note(self, answer: httpx.Response, external_id: str, id: str) -> None:
        self.ids[external_id].add(id)
        self.answers.append(answer.text)


async def _key(deployment: Deployment, name: str, **more: object) -> httpx.AsyncClient:
    json = {"name": name, "scopes": ["feedback:submit"]} | more
    answer = await deployment.client("feedback").post("/v1/api-keys", json=json)
    assert answer.status_code == 201, answer.text
    return deployment.client("feedback", key=answer.json()["key"])


async def test_partners_do_not_collide(embedded_deployment: Deployment):
    operator = embedded_deployment.client("feedback")
    partners = [Partner(source, await _key(embedded_deployment, source)) for source in SOURCES]
    reader = ["feedback:submit", "feedback:read"]
    elsewhere = await _key(embedded_deployment, SOURCES[0], workspace="elsewhere", scopes=reader)
    work = [
        call
        for partner, external_id in product(partners, EXTERNAL_IDS)
        for call in (
            partner.single(external_id, {}),
            partner.single(external_id, {}),
            partner.single(external_id, {"Idempotency-Key": external_id}),
        )
    ]
    work += [partner.batch(ids) for partner in partners for ids in (EXTERNAL_IDS, EXTERNAL_IDS[::-1])]
    room = asyncio.Semaphore(AT_ONCE)

    async def at_once(call) -> None:
        async with room:
            await call

    async with watching(f"{embedded_deployment.urls['feedback']}/healthz") as seen:
        await asyncio.gather(*(at_once(call) for call in work))
        for partner in partners:
            await partner.single(EXTERNAL_IDS[0], {"Idempotency-Key": EXTERNAL_IDS[0]})  # replayed

    seen_elsewhere = (await elsewhere.get("/v1/feedback")).json()["items"]
    posted_elsewhere = await elsewhere.post("/v1/feedback", json={"body": "b", "external_id": EXTERNAL_IDS[0]})
    stored = [
        item
        for source in SOURCES
        for item in (await operator.get("/v1/feedback", params={"source": source, "limit": 200})).json()["items"]
    ]
    assert sorted((item["source"], item["external_id"]) for item in stored) == sorted(product(SOURCES, EXTERNAL_IDS))
    for item in stored:
        assert item["author"]["name"] == f"secret-of-{item['source']}"
    for partner, other in zip(partners, SOURCES[::-1], strict=True):
        assert {next(iter(ids)) for ids in partner.ids.values()} == {
            item["id"] for item in stored if item["source"] == partner.source
        }
        assert all(len(ids) == 1 for ids in partner.ids.values())
        assert partner.created == len(EXTERNAL_IDS)
        assert not any(f"secret-of-{other}" in text or other in text for text in partner.answers)
    assert (seen_elsewhere, posted_elsewhere.status_code) == ([], 201)
    print(
        f"partners: {len(work)} calls of 2 submit keys on {len(EXTERNAL_IDS)} shared external_ids, {AT_ONCE} at once: "
        f"{len(stored)} stored, nothing of the other's in {sum(len(p.answers) for p in partners)} answers; "
        f"another workspace saw {len(seen_elsewhere)} items and posted the same external_id; /healthz {seen()}"
    )
    seen().require(p99_ms=250)  # of fewer than 100 probes that is the slowest
