"""Files of events as tests upload them."""

import pytest
from sqlalchemy import text

from opsloop_common import failpoints
from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_metrics.app import SERVICE

PATH = "/v1/imports"
WHEN = "2020-05-06T07:08:09Z"
HEAD = "event,time,user_id,amount\n"
CSV = {"Content-Type": "text/csv"}
JSONL = {"Content-Type": "application/x-ndjson"}


def rows(count, *, user="u", event="Paid"):
    return HEAD + "".join(f"{event},{WHEN},{user}{place},{place}\n" for place in range(count))


class Imports:
    def __init__(self, world, store):
        self.world, self.store = world, store

    async def send(self, method, path, body=None, *, expect=None, kind=CSV, headers=None, **params):
        content = body.encode() if isinstance(body, str) else body
        all_headers = self.world.headers | kind | (headers or {})
        answer = await self.world.send(method, path, content=content, headers=all_headers, params=params)
        assert expect is None or answer.status_code == expect, answer.text
        return answer

    async def upload(self, body, *, expect=202, **given):
        return (await self.send("POST", PATH, body, expect=expect, **given)).json()

    async def run(self, body, **given):
        """Import a file to its end; returns what it came to."""
        made = await self.upload(body, **given)
        await self.tick()
        return await self.shown(made["id"])

    async def tick(self, **given):
        await run_due(self.world.api.db, SERVICE.due, **given)

    async def fail_at(self, monkeypatch, place, *, times):
        """Let the job fail at a failpoint some times, and be due again."""
        for _ in range(times):
            monkeypatch.setenv(failpoints.VARIABLE, f"{place}:raise:1")
            with pytest.raises(failpoints.Struck):
                await self.tick()
            self.world.api.clock.advance(3_600)
        monkeypatch.delenv(failpoints.VARIABLE)

    async def shown(self, id):
        return await self.world.get(f"{PATH}/{id}")

    async def errors(self, id, **params):
        return (await self.world.get(f"{PATH}/{id}/errors", **params))["items"]

    async def events(
        self, sql="SELECT event, distinct_id, time, properties, source FROM opsloop.event ORDER BY distinct_id"
    ):
        return (await self.store.query(sql)).rows

    async def count(self):
        return int((await self.events("SELECT count() FROM opsloop.event"))[0][0])

    async def chunks(self):
        async with self.world.api.db.transaction(Context("acme")) as session:
            return (await session.execute(text("SELECT count(*) FROM event_import_chunk"))).scalar_one()


@pytest.fixture
def imports(world_with_store, store):
    return Imports(world_with_store, store)


def counts(shown):
    return {name: shown[name] for name in ("rows", "stored", "known", "refused")}
