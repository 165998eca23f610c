"""Files of recipients as tests upload them."""

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_notifications.app import SERVICE
from opsloop_notifications.recipient_imports.service import IMPORT_JOB, UNDO_JOB

PATH = "/v1/recipient-imports"
CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
SAID = {"consent_source": "checkout 2025", "consent_at": "2025-06-01T00:00:00Z"}
COUNTS = ("rows", "created", "updated", "existing", "refused", "kept_addresses")
KINDS = [kind for kind in SERVICE.due if kind.name in (IMPORT_JOB, UNDO_JOB)]


class Files:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path, expect=200, **options):
        headers = self.key | options.pop("headers", {})
        self.answer = await self.service.client.request(method, path, headers=headers, **options)
        assert self.answer.status_code == expect, self.answer.text
        return self.answer.json() if self.answer.content else None

    async def upload(self, body, *, expect=202, kind=CSV, headers=None, **params):
        content = body.encode() if isinstance(body, str) else body
        return await self.call("POST", PATH, expect, content=content, params=params, headers=kind | (headers or {}))

    async def run(self, body, **given):
        made = await self.upload(body, **given)
        await self.tick()
        return await self.shown(made["id"])

    async def tick(self, **given):
        await run_due(self.service.db, KINDS, **given)

    async def shown(self, id):
        return await self.call("GET", f"{PATH}/{id}")

    async def errors(self, id):
        found = (await self.call("GET", f"{PATH}/{id}/errors"))["items"]
        return [(each["row"], each["field"], each["detail"]) for each in found]

    async def person(self, user_id, *names):
        found = await self.call("GET", f"/v1/recipients/{user_id}")
        return tuple(found[name] for name in names) if names else found

    async def is_known(self, user_id):
        return (await self.service.client.get(f"/v1/recipients/{user_id}", headers=self.key)).status_code == 200

    async def batch(self, *items, expect=200, **given):
        answer = await self.call("POST", "/v1/recipients:batch", expect, json={"items": list(items)} | given)
        return answer["items"] if expect == 200 else answer

    async def scalar(self, sql):
        async with self.service.db.transaction(Context("acme")) as session:
            return (await session.execute(text(sql))).scalar_one()


def counts(shown):
    return tuple(shown[name] for name in COUNTS)


@pytest.fixture
async def files(service):
    return Files(service, await service.key())
