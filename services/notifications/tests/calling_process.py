"""Calls made by a process of its own, to be killed: `python -m services.notifications.tests.calling_process URL HOOK PEOPLE`."""

import asyncio
import json
import sys

from sqlalchemy import text

from opsloop_common.clock import SystemClock
from opsloop_common.db import Context, Database, app_role
from opsloop_common.due.claims import release_dead_claims
from opsloop_common.ids import uuid7
from opsloop_common.testing.http import open_api, settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.calling.timers import dispatch_calls

ROWS = text("SELECT status, count(*) AS rows, sum(attempt_count) AS tries FROM notification GROUP BY status")
WAITING = text("SELECT count(*) FROM call_queue")


async def fill(api, hook: str, people: int) -> None:
    """Have so many people in a chat, and something said to each of them."""
    key = await api.key()

    async def post(path, body):
        answer = await api.client.post(path, json=body, headers=key)
        assert answer.status_code == 201, answer.text
        return answer.json()

    chat = {"kind": "slack", "name": "Team", "url": hook, "rate_limit": 1_000}
    channel = await post("/v1/channels", chat)
    users = [f"p{number}" for number in range(people)]
    for user in users:
        await post(f"/v1/recipients/{user}/contacts", {"kind": "chat", "channel_id": channel["id"], "address": user})
    contents = [{"locale": "en", "chat": {"title": "Hello", "body": "It is done."}}]
    await post("/v1/messages", {"user_ids": users, "channels": ["chat"], "contents": contents})


async def main(url: str, hook: str, people: str) -> None:
    """Say it, or go on with it, until nothing waits; print what came of it."""
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    try:
        settings = settings_for_tests(SERVICE.settings, outbound_allow="127.0.0.0/8", port=1)
        async with open_api(SERVICE, database, settings) as api:
            async with database.transaction(Context("acme")) as session:
                await release_dead_claims(session, "call_queue", all=True, keep=uuid7())
                waiting = await session.scalar(WAITING)
            if not waiting:
                await fill(api, hook, int(people))
            worker = asyncio.create_task(dispatch_calls(api.runtime))
            async with asyncio.timeout(60):
                while True:
                    async with database.transaction(Context("acme")) as session:
                        if not await session.scalar(WAITING):
                            rows = (await session.execute(ROWS)).all()
                            break
                    await asyncio.sleep(0.05)  # between two looks
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
            sys.stdout.write(json.dumps({row.status: [row.rows, int(row.tries)] for row in rows}) + "\n")
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
