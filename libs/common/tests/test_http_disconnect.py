"""A real server: whoever goes away in the middle leaves all or nothing."""

import asyncio
import json
import socket

import pytest
import uvicorn
from sqlalchemy import text

from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


@pytest.fixture
async def port(sample):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = uvicorn.Server(uvicorn.Config(sample.app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[taken]))
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        yield taken.getsockname()[1]
        server.should_exit = True
        await serving


def head(key, length, **headers):
    lines = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(length)} | key | headers
    return (
        "POST /v1/notes HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    ).encode()


async def counts(sample):
    async with sample.db.transaction() as session:
        await session.execute(text("SELECT set_config('opsloop.workspace', 'acme', true)"))
        query = "SELECT (SELECT count(*) FROM note), (SELECT count(*) FROM outbox), (SELECT count(*) FROM idempotency)"
        return tuple((await session.execute(text(query))).one())


async def test_a_client_that_leaves_before_its_body_is_whole_leaves_nothing(sample, port):
    key = await sample.key("sample:write")
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head(key, 100) + b'{"text": "half')
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    async with asyncio.timeout(30):
        while 'route="/v1/notes",status="400"' not in (await sample.client.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # the server notices in its own time
    assert await counts(sample) == (0, 0, 0)


async def test_clients_that_leave_without_the_answer_leave_all_or_nothing(sample, port):
    key = await sample.key("sample:write")
    body = json.dumps({"text": "x"}).encode()

    async def hit_and_run(number):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(key, len(body), **{"Idempotency-Key": f"k{number}"}) + body)
        await writer.drain()
        await asyncio.sleep(number % 7 / 1000)  # leave at different moments
        writer.transport.abort()

    await asyncio.gather(*(hit_and_run(number) for number in range(40)))
    retries = [
        await sample.client.post("/v1/notes", json={"text": "x"}, headers=key | {"Idempotency-Key": f"k{number}"})
        for number in range(40)
    ]

    while any(answer.status_code == 409 for answer in retries):
        retries = [
            await sample.client.post("/v1/notes", json={"text": "x"}, headers=key | {"Idempotency-Key": f"k{number}"})
            for number in range(40)
        ]
    assert {answer.status_code for answer in retries} == {201}
    assert await counts(sample) == (40, 40, 40)


async def test_a_body_that_is_too_large_is_refused_while_it_is_sent(sample, port):
    key = await sample.key("sample:write")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head(key, 2 * 1024 * 1024) + b"{")
    await writer.drain()

    answer = await asyncio.wait_for(reader.read(65536), 10)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer
    assert b"connection: close" in answer.lower()
    writer.close()
    await writer.wait_closed()
