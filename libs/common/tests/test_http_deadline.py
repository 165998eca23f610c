"""A request waits for its database once, not once for each of its statements: behind a network that is slow, never silent."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy.engine import make_url

from opsloop_common.db import Database, app_role
from opsloop_common.limits import REQUEST_CONNECTIONS
from opsloop_common.testing.http import open_api
from opsloop_common.testing.proxy import Proxy
from opsloop_common.testing.sample.service import SAMPLE

STATEMENT_SECONDS = 1.0
SLOWLY = 0.3  # there, and again back: each answer comes in time
BUSY = 0.7  # what a busy machine adds


@pytest.fixture
async def proxy(databases):
    async with Proxy(str(databases.server.socket_dir / ".s.PGSQL.5432")).running() as proxy:
        yield proxy


@pytest.fixture
async def sample(make_database, proxy):
    """The sample's door, its database reached through the proxy."""
    there = await make_database(SAMPLE)
    url = make_url(there.url).set(host="127.0.0.1", port=proxy.port, query={}).render_as_string(False)
    database = Database(
        url, service=SAMPLE.name, clock=there.clock, role=app_role(SAMPLE.name), statement_seconds=STATEMENT_SECONDS
    )
    async with open_api(SAMPLE, database) as sample:
        yield sample
    await database.close()


@pytest.fixture
async def note(sample):
    """A note that is there, and connections that are open."""
    answer = await sample.client.post("/v1/notes", json={"text": "a"}, headers=await sample.key())
    return f"/v1/notes/{answer.json()['id']}"


async def timed(sample, method, path, key, **sent):
    began = time.monotonic()
    answer = await sample.client.request(method, path, headers=key | sent.pop("headers", {}), **sent)
    return answer, time.monotonic() - began


REQUESTS = {
    "a list": ("GET", "/v1/notes", {}),
    "a keyed post": ("POST", "/v1/notes", {"json": {"text": "b"}, "headers": {"Idempotency-Key": "k"}}),
    "a change": ("PATCH", None, {"json": {"text": "b"}}),
}


@pytest.mark.parametrize("request_", REQUESTS)
async def test_the_waits_of_a_request_have_one_deadline_together(sample, proxy, note, request_):
    method, path, sent = REQUESTS[request_]
    key = await sample.key()  # that nobody has read yet: one more wait
    proxy.delay_seconds = SLOWLY

    answer, seconds = await timed(sample, method, path or note, key, **sent)
    proxy.delay_seconds = 0.0
    again, _ = await timed(sample, method, path or note, key, **sent)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "took the database too long" in answer.json()["detail"]
    assert seconds < sample.db.patience.request_seconds + BUSY
    assert again.is_success


async def test_a_body_that_comes_slowly_takes_nothing_of_the_databases_time(sample, note):
    async def slowly():
        yield b'{"text": '
        await asyncio.sleep(sample.db.patience.request_seconds + 0.2)  # longer than the database would have
        yield b'"late"}'

    headers = {"Content-Type": "application/json"}
    answer, _ = await timed(sample, "POST", "/v1/notes", await sample.key(), content=slowly(), headers=headers)

    assert answer.status_code == 201


async def test_a_wait_for_a_share_takes_nothing_of_the_databases_time(sample, note):
    key, shares = await sample.key(), sample.app.state.shell.shares
    others = [f"other-{number}" for number in range(REQUEST_CONNECTIONS)]
    for other in others:
        await shares.enter(other)
    asking = asyncio.create_task(timed(sample, "POST", "/v1/notes", key, json={"text": "b"}))
    await asyncio.sleep(sample.db.patience.request_seconds + 0.2)  # longer than the database would have
    waits = not asking.done()
    for other in others:
        shares.leave(other)

    assert waits
    assert (await asking)[0].status_code == 201
