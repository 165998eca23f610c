"""Attacks with keys: ones that were just revoked, guessed and forged ones, many of one workspace, ones that stand in pages."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psutil
import pytest

from opsloop_common.access.keys import Token
from opsloop_common.testing.http import MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE as FEEDBACK
from tests.attacks.probe import Seen, watching
from tests.harness import Deployment, eventually

pytestmark = [pytest.mark.slow, pytest.mark.measured]

KEYS = 100
GUESSES = 1_500
AT_ONCE = 40
SHOP = "https://shop.example"
POST = {"body": "Payment failed", "channel": "api"}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def made(client: httpx.AsyncClient, path: str = "/v1/api-keys", **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json={"name": "attack"} | body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@asynccontextmanager
async def others_go_on(deployment: Deployment) -> AsyncIterator[list[Seen]]:
    """Watch /healthz and another workspace's reads meanwhile; what was seen is in the list afterwards."""
    operator, url = deployment.client("feedback"), deployment.urls["feedback"]
    other = await made(operator, scopes=["feedback:read"], workspace="bystander")
    listing = watching(f"{url}/v1/feedback", headers=bearer(other["key"]))
    outcome: list[Seen] = []
    async with watching(f"{url}/healthz") as health, listing as bystander:
        yield outcome
    outcome += [health(), bystander()]


def memory_of(deployment: Deployment) -> int:
    return int(psutil.Process(deployment.process_of("feedback").pid).memory_info().rss) >> 20


async def in_turn(calls: list[Any]) -> list[httpx.Response]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(call: Any) -> httpx.Response:
        async with slots:
            answer: httpx.Response = await call()
            return answer

    return await asyncio.gather(*(one(call) for call in calls))


async def test_a_running_opsloop_withstands_keys(embedded_deployment: Deployment):
    deployment = embedded_deployment

    await assert_none_of_a_hundred_lives_on(deployment)
    await assert_guesses_hold_up_nobody(deployment)
    await assert_a_key_in_a_page_only_adds(deployment)
    await assert_nobody_forges_an_end_user(deployment)


async def assert_none_of_a_hundred_lives_on(deployment: Deployment) -> None:
    """Revoke keys in the very moment of their first uses: a look-up that began before must not outlive the 204."""
    operator = deployment.client("feedback")
    lived: list[bool] = []

    async def race(number: int) -> None:
        key = await made(operator, scopes=["feedback:read"])
        use = partial(operator.get, "/v1/feedback?limit=1", headers=bearer(key["key"]))

        async def first_use() -> httpx.Response:
            # from before the revocation to after its commit, a step later with each key
            await asyncio.sleep(number % 25 / 1000)  # a step later with each key
            return await use()

        revoked, _ = await asyncio.gather(operator.delete(f"/v1/api-keys/{key['id']}"), first_use())
        assert revoked.status_code == 204
        lived.append((await use()).status_code != 401)

    for ten in range(0, KEYS, 10):
        await asyncio.gather(*(race(number) for number in range(ten, ten + 10)))
    print(f"\n{KEYS} keys revoked while their first use was under way: {sum(lived)} lived on")
    assert len(lived) == KEYS
    assert sum(lived) == 0


async def assert_guesses_hold_up_nobody(deployment: Deployment) -> None:
    operator, before = deployment.client("feedback"), memory_of(deployment)

    async def guess() -> httpx.Response:
        return await operator.get("/v1/feedback", headers=bearer(str(Token(uuid4(), "0" * 64))))

    async with others_go_on(deployment) as seen:
        answers = await in_turn([guess] * GUESSES)
    counts = Counter(answer.status_code for answer in answers)
    health, bystander = seen
    print(f"{GUESSES} guessed keys, {AT_ONCE} at once: {dict(counts)}; /healthz {health}; another workspace {bystander}; "
          f"{before} MiB before, {memory_of(deployment)} MiB after")  # fmt: skip
    assert set(counts) == {401, 429}
    assert bystander.failed == 0
    health.require()
    # who signs in for the first time is let in as soon as the address guesses less
    late = await made(operator, scopes=["feedback:read"])

    async def is_let_in() -> bool:
        return (await operator.get("/v1/feedback", headers=bearer(late["key"]))).status_code == 200

    await eventually(is_let_in, within=10, what="a new key let in")


async def assert_a_key_in_a_page_only_adds(deployment: Deployment) -> None:
    operator = deployment.client("feedback")
    wanted = {"publishable": True, "origins": [SHOP], "rows_per_day": 20}
    shop = bearer((await made(operator, scopes=["feedback:submit"], **wanted))["key"])

    async def post() -> httpx.Response:
        return await operator.post("/v1/feedback", json=POST, headers=shop | {"Origin": SHOP})

    counts = Counter(answer.status_code for answer in await in_turn([post] * 50))
    stolen = await operator.post("/v1/feedback", json=POST, headers=shop | {"Origin": "https://evil.example"})
    reads = [
        (await operator.request(method, path, headers=shop)).status_code
        for method, path in (("GET", "/v1/feedback"), ("POST", "/v1/feedback:batch"), ("GET", "/v1/workspace"))
    ]
    print(f"50 posts at once with a publishable key of 20 rows a day: {dict(counts)}; from another origin "
          f"{stolen.status_code}; reads {reads}")  # fmt: skip
    assert counts == {201: 20, 429: 30}
    assert stolen.status_code == 403
    assert set(reads) == {403}


async def assert_nobody_forges_an_end_user(deployment: Deployment) -> None:
    operator = deployment.client("feedback")
    secret = await made(operator, "/v1/user-secrets")
    claims = {"sub": "victim", "exp": 4_000_000_000}
    good = claims | {"exp": int(time.time()) + 300}
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": secret["id"]}).encode()).decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps(good).encode()).decode().rstrip("=")
    forged = [
        f"{head}.{body}.",
        jwt.encode(good, "x" * 64, "HS256", {"kid": secret["id"]}),
        jwt.encode(good, secret["secret"], "HS384", {"kid": secret["id"]}),
        jwt.encode(claims, secret["secret"], "HS256", {"kid": secret["id"]}),
        *(jwt.encode(good, secret["secret"], "HS256", {"kid": str(uuid4())}) for _ in range(300)),
    ]
    real = jwt.encode(good, secret["secret"], "HS256", {"kid": secret["id"]})

    async def post(token: str) -> httpx.Response:
        return await operator.post("/v1/feedback", json={"body": "mine"}, headers=bearer(token))

    counts = Counter([(await post(token)).status_code for token in forged])
    accepted = await post(real)
    print(f"{len(forged)} forged tokens of end users: {dict(counts)}; the real one {accepted.status_code}")
    assert set(counts) <= {401, 429}
    assert accepted.status_code == 201, accepted.text
    assert (await operator.delete(f"/v1/user-secrets/{secret['id']}")).status_code == 204
    assert (await post(real)).status_code in (
        401,
        429,
    )  # unknown from now on; 429 while the address is one that guesses


@pytest.mark.parametrize("crowd", ["a hundred keys of one workspace", "a hundred end users", "one key in a page"])
async def test_a_crowd_takes_nothing_from_the_next_workspace(api: MakeApi, crowd: str):
    feedback = await api(FEEDBACK, settings_for_tests(FEEDBACK.settings, rate_limit_per_second=5, rate_limit_burst=25))
    match crowd:
        case "a hundred keys of one workspace":
            holders = [await feedback.key("feedback:submit") for _ in range(100)]
        case "a hundred end users":
            holders = [await feedback.user(f"u{number}") for number in range(100)]
        case _:
            holders = [await feedback.publishable("feedback:submit")] * 100
    bystander = await feedback.key("feedback:submit", workspace="bystander")
    ours = await feedback.key("feedback:submit")

    def post(headers: dict[str, str]) -> Any:
        return feedback.client.post("/v1/feedback", json=POST, headers=headers)

    began = asyncio.get_running_loop().time()
    answers = [await post(headers) for headers in holders for _ in range(2)]
    took = asyncio.get_running_loop().time() - began
    counts = Counter(answer.status_code for answer in answers)
    theirs = Counter([(await post(bystander)).status_code for _ in range(20)])
    own = (await post(ours)).status_code
    print(f"\n200 posts by {crowd} in {took:.1f} s (a key may 25 at once, 5/s; a workspace twice that): {dict(counts)}; "
          f"another workspace {dict(theirs)}; a secret key of the same {own}")  # fmt: skip
    assert set(counts) == {201, 429}
    assert counts[201] <= 50 + 10 * (took + 1)
    assert theirs == {201: 20}
    assert own == 201 or crowd.startswith("a hundred keys")
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit"].endswith("t=1")
