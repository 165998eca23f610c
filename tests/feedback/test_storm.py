"""Three partners at once, who repeat themselves, and a kill -9 between: each item is taken in once and told of once."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.harness import Deployment, eventually

pytestmark = pytest.mark.slow

SINGLY, BATCHES, ROWS = 2_000, 300, 20
"""8,000 items: posts of one and batches of 20; every other under an Idempotency-Key, the rest by the partner's own ids."""
REPEATED_SINGLY, REPEATED_BATCHES = 500, 75
"""2,000 items more, so that of 10,000 that are posted a fifth was posted before."""
AT_ONCE_SINGLY, AT_ONCE_BATCHES = 240, 13
"""500 of these 2,000 together with the first of them."""
ITEMS = SINGLY + BATCHES * ROWS
REPEATED = REPEATED_SINGLY + REPEATED_BATCHES * ROWS
AT_ONCE = AT_ONCE_SINGLY + AT_ONCE_BATCHES * ROWS
PARTNERS = ("shop", "pay", "maps")
CONNECTIONS = 24
PATIENCE_SECONDS = 60.0
TEXTS = (
    "支付失败，订单丢失",
    "The app crashes at start",
    "希望支持导出报表",
    "Great release, thank you",
    "怎么修改密码？",
)
TOLD = "SELECT data->>'feedback_id' FROM domain_event WHERE type = 'feedback.received'"


def ids_of(answer: httpx.Response) -> list[str]:
    said = answer.json()
    return [each["id"] for each in said.get("items", [said])]


@dataclass
class Partner:
    """One that posts, and what it was answered first."""

    client: httpx.AsyncClient
    answers: dict[int, httpx.Response] = field(default_factory=dict)
    asked_again: Counter[int | None] = field(default_factory=Counter)

    async def post(self, number: int, **changed: Any) -> httpx.Response:
        """Post until it is accepted; what has an even number under a key, the rest by the partner's own ids."""
        rows = [self._row(number, row) | changed for row in range(ROWS if number >= SINGLY else 1)]
        path, body = ("/v1/feedback:batch", {"items": rows}) if number >= SINGLY else ("/v1/feedback", rows[0])
        headers = {"Idempotency-Key": f"key-{number}"} if number % 2 == 0 else {}
        return await eventually(
            lambda: self._accepted(path, body, headers),
            within=PATIENCE_SECONDS,
            every=0.05,
            what=f"{number} is accepted",
        )

    async def _accepted(self, path: str, body: Any, headers: dict[str, str]) -> httpx.Response | None:
        try:
            answer = await self.client.post(path, json=body, headers=headers)
        except httpx.TransportError:
            answer = None  # it is dead, or not there yet
        if answer is not None and answer.status_code not in (409, 429, 500, 503):
            return answer
        self.asked_again[answer and answer.status_code] += 1
        return None

    @staticmethod
    def _row(number: int, row: int) -> dict[str, Any]:
        said = {"body": f"{TEXTS[(number + row) % 5]} #{number}-{row}", "author": {"user_id": f"u{number % 900}"}}
        # under a key nothing else says of a single one that it came before; the partners call theirs the same
        return said if number % 2 == 0 and number < SINGLY else said | {"external_id": f"{number}-{row}"}

    async def first(self, number: int) -> None:
        self.answers[number] = await self.post(number)

    async def repeat(self, number: int) -> None:
        """Post it again, and hold the answer against the first."""
        again, first = await self.post(number), self.answers[number]
        assert ids_of(again) == ids_of(first)
        if number % 2 == 0:
            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert again.headers["idempotency-replayed"] == "true"
        else:
            assert again.status_code == 200
            assert {each["status"] for each in again.json().get("items", [])} <= {"existing"}

    async def twice_at_once(self, number: int) -> None:
        one, other = await asyncio.gather(self.post(number), self.post(number))
        assert ids_of(one) == ids_of(other)
        self.answers[number] = one


async def partner(deployment: Deployment, name: str, *scopes: str) -> Partner:
    said = {"name": name, "source": name, "workspace": "acme", "scopes": scopes}
    answer = await deployment.client("feedback").post("/v1/api-keys", json=said)
    assert answer.status_code == 201, answer.text
    return Partner(deployment.client("feedback", key=answer.json()["key"]))


async def in_lines(jobs: list[Any]) -> None:
    """Do jobs, so many at a time."""
    left = iter(jobs)

    async def line() -> None:
        for job, *given in left:
            await job(*given)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(line())


@pytest.mark.timeout(240)
async def test_1_three_partners_repeat_themselves_through_a_kill_and_each_item_is_there_once(
    embedded_deployment: Deployment,
):
    deployment, process = embedded_deployment, embedded_deployment.processes["opsloop"]
    partners = [await partner(deployment, name, "feedback:submit") for name in PARTNERS]
    chance, began = random.Random(1), time.monotonic()
    singly = chance.sample(range(SINGLY), REPEATED_SINGLY)
    batches = chance.sample(range(SINGLY, SINGLY + BATCHES), REPEATED_BATCHES)
    at_once = {*singly[:AT_ONCE_SINGLY], *batches[:AT_ONCE_BATCHES]}
    later = [*singly[AT_ONCE_SINGLY:], *batches[AT_ONCE_BATCHES:]]
    posts = chance.sample(range(SINGLY + BATCHES), SINGLY + BATCHES)
    whose = {number: partners[number % 3] for number in posts}

    async def half_is_in() -> bool:
        return sum(len(each.answers) for each in partners) >= len(posts) // 2

    async def die() -> None:
        await eventually(half_is_in, within=60, every=0.01, what="half of it accepted")
        process.kill9()
        process.start()
        await deployment.ready()

    dying = asyncio.create_task(die())
    await in_lines([(whose[each].twice_at_once if each in at_once else whose[each].first, each) for each in posts])
    await dying
    await in_lines([(whose[each].repeat, each) for each in later])
    seconds = time.monotonic() - began

    ids = {id for each in partners for answer in each.answers.values() for id in ids_of(answer)}
    assert len(ids) == ITEMS
    kept = [str(row[0]) for row in await deployment.fetch("feedback", "SELECT id FROM feedback")]
    assert sorted(kept) == sorted(ids)

    async def told() -> Counter[str] | None:
        found = Counter(row[0] for row in await deployment.fetch("metrics", TOLD))
        return found if found.total() >= ITEMS else None

    heard = await eventually(told, within=90, every=0.5, what="every item told of")
    assert set(heard) == ids
    assert set(heard.values()) == {1}
    sent = await deployment.fetch("feedback", "SELECT payload FROM outbox WHERE type = 'feedback.received'")
    assert sorted(json.loads(row[0])["data"]["feedback_id"] for row in sent) == sorted(ids)
    await what_is_refused(deployment, partners, next(each for each in later if each % 2 == 0))
    again = dict(sum((each.asked_again for each in partners), Counter()))
    print(
        f"1 {ITEMS + REPEATED} posts of 3 partners in {seconds:.0f} s, {REPEATED} repeated, {AT_ONCE} of them at once with the "
        f"first, 1 kill, asked again {again}: {len(kept)} items, {heard.total()} events"
    )


async def what_is_refused(deployment: Deployment, partners: list[Partner], number: int) -> None:
    """Ask for what a partner may not: another body under its key, without the right, and another's item by its id."""
    changed = await partners[number % 3].post(number, body="something else")
    reader = await partner(deployment, "reader", "feedback:read")
    id = ids_of(partners[number % 3].answers[number])[0]
    others = await partners[(number + 1) % 3].client.get(f"/v1/feedback/{id}")

    assert (changed.status_code, (await reader.post(1)).status_code, others.status_code) == (422, 403, 404)
