"""Files of posts as tests upload them."""

from typing import Any

import pytest
from sqlalchemy import text

from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.feedback_imports.service import IMPORT_JOB, UNDO_JOB
from opsloop_feedback.routing_rules.consumers import DESK

PATH = "/v1/feedback-imports"
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
COUNTS = ("rows", "created", "existing", "refused")
KINDS = [kind for kind in SERVICE.due if kind.name in (IMPORT_JOB, UNDO_JOB)]


class Files:
    """The desk's files of posts."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    async def call(self, method: str, path: str, expect: int = 200, **options: Any) -> Any:
        headers = self.desk.agent | options.pop("headers", {})
        self.answer = await self.desk.client.request(method, path, headers=headers, **options)
        assert self.answer.status_code == expect, self.answer.text
        return self.answer.json() if self.answer.content else None

    async def upload(
        self,
        body: str | bytes,
        *,
        expect: int = 202,
        kind: dict[str, str] = CSV,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Any:
        content = body.encode() if isinstance(body, str) else body
        return await self.call("POST", PATH, expect, content=content, params=params, headers=kind | (headers or {}))

    async def run(self, body: str | bytes, **given: Any) -> Any:
        made = await self.upload(body, **given)
        await self.tick()
        return await self.shown(made["id"])

    async def tick(self, **given: Any) -> None:
        await run_due(self.desk.api.db, KINDS, **given)

    async def hear(self) -> None:
        """Let the desk and the index hear of what came in."""
        events = [event for event in await self.desk.public() if event.type == FeedbackReceived.type]
        for subscription in (ARRIVALS, DESK):
            await deliver(self.desk.api.db, subscription, *events)

    async def shown(self, id: str) -> Any:
        return await self.call("GET", f"{PATH}/{id}")

    async def errors(self, id: str) -> list[tuple[int, str | None, str]]:
        found = (await self.call("GET", f"{PATH}/{id}/errors"))["items"]
        return [(each["row"], each["field"], each["detail"]) for each in found]

    async def posts(self, **filters: Any) -> list[dict[str, Any]]:
        return list(reversed((await self.call("GET", "/v1/feedback", params=filters))["items"]))

    async def messages(self, id: str) -> list[tuple[str, str, str]]:
        found = (await self.call("GET", f"/v1/feedback/{id}/messages"))["items"]
        return [(each["kind"], each["body"], each["created_at"]) for each in reversed(found)]

    async def scalar(self, sql: str) -> Any:
        async with self.desk.api.db.transaction(Context("acme")) as session:
            return (await session.execute(text(sql))).scalar_one()


def counts(shown: dict[str, Any]) -> tuple[int, ...]:
    return tuple(shown[name] for name in COUNTS)


@pytest.fixture
async def files(desk: Any) -> Files:
    return Files(desk)
