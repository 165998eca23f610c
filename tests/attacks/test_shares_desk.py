"""Ten workspaces that ask too much of a desk, each way in turn, beside one that works as ever: it reads, writes, and its job is done."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.attacks.test_shares import STORED, Line, key_of, load, make_known, neighbour
from tests.harness import Deployment, connect, eventually

pytestmark = [pytest.mark.slow, pytest.mark.measured]

GREEDY = [f"greedy{number}" for number in range(10)]
SCOPES = ("feedback:read", "feedback:write", "feedback:admin")
POSTS = 3_000
LINES = 4
PATIENCE_SECONDS = 20.0
PAUSE_SECONDS = 0.4
"""Between two reads, and between two writes, of the one that works as ever: five a second together."""
FILE = ("external_id,body\n" + "".join(f"p{row},Post number {row} fails\n" for row in range(500))).encode()
FORM = {"slug": "contact", "name": "website", "texts": [{"locale": "en", "title": "Contact"}], "fields": []}
BULK = {"filters": {"kind": ["bug"]}, "changes": {"add_tags": ["seen"]}}
TRIAGE = {"engine": "rules-2", "kind": "bug", "severity": "s3", "sentiment": 0, "language": "en", "reasons": []}
WAYS = {
    "lists": ("GET", "/v1/feedback?sort=-severity&limit=200&facets=kind,severity,status"),
    "views": ("GET", "/v1/views?counts=true"),
    "search": ("GET", "/v1/search?q=export%20fails"),
    "similar": ("GET", "/v1/similar?text=the%20export%20fails%20again"),
    "bulk previews": ("POST", "/v1/feedback:bulk-preview", json.dumps(BULK).encode()),
    "bulk changes": ("POST", "/v1/feedback:bulk", json.dumps(BULK).encode()),
    "files": ("POST", "/v1/feedback-imports", FILE, "Content-Type: text/csv"),
    "forms": ("GET", "/p/{workspace}/forms/contact"),
}


async def asked(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    answer = await client.request(method, path, **options)
    assert answer.status_code in (200, 201, 202), answer.text
    return answer.json()


async def a_full_desk(deployment: Deployment) -> dict[str, str]:
    """Give each of the ten posts, views and a form; returns their keys."""
    owner = await connect(deployment.database_urls["feedback"])
    await owner.execute(STORED, GREEDY, POSTS)
    await owner.execute("UPDATE feedback SET triage = $1", json.dumps(TRIAGE))
    await owner.execute("VACUUM (ANALYZE) feedback")
    await owner.close()
    keys = {workspace: await key_of(deployment, workspace, *SCOPES) for workspace in GREEDY}
    for key in keys.values():
        client = deployment.client("feedback", key=key)
        await make_known(deployment, key)
        await asked(client, "POST", "/v1/forms", json=FORM)
        for number in range(20):
            view = {"name": f"view {number}", "filters": {"kind": ["bug"]}, "is_shared": True}
            await asked(client, "POST", "/v1/views", json=view)
        for method, path, *rest in WAYS.values():  # what is asked for the first time takes longer
            if not rest and "{" not in path:
                await asked(client, method, path)
    return keys


def requests_of(way: str, workspaces: Iterator[str]) -> list[tuple[Any, ...]]:
    method, path, *rest = WAYS[way]
    return [(method, path.format(workspace=each), *rest) for each in workspaces]


async def its_job(deployment: Deployment, key: str, way: str) -> float:
    """Have a small file read; returns after how many seconds its posts are there."""
    client, began = deployment.client("feedback", key=key), time.monotonic()
    rows = f"external_id,body\n{way},The export fails\n"
    made = await asked(
        client, "POST", "/v1/feedback-imports", content=rows.encode(), headers={"Content-Type": "text/csv"}
    )

    async def done() -> bool:
        return bool((await asked(client, "GET", f"/v1/feedback-imports/{made['id']}"))["stage"] == "done")

    await eventually(done, within=PATIENCE_SECONDS, every=0.5, what=f"its own file is read beside {way}")
    return time.monotonic() - began


@pytest.mark.timeout(240)
async def test_ten_that_ask_too_much_of_a_desk_leave_another_to_its_work(embedded_deployment: Deployment):
    keys = await a_full_desk(embedded_deployment)
    own = await key_of(embedded_deployment, "neighbour", *SCOPES)
    await make_known(embedded_deployment, own)
    for way in WAYS:
        lines = [(workspace, Line(embedded_deployment, key)) for workspace, key in keys.items() for _ in range(LINES)]
        requests = requests_of(way, (workspace for workspace, _ in lines))
        async with (
            neighbour(embedded_deployment, "GET", "/v1/feedback?limit=1", pause=PAUSE_SECONDS) as reading,
            neighbour(embedded_deployment, pause=PAUSE_SECONDS) as writing,
        ):
            statuses, job = await asyncio.gather(
                load([line for _, line in lines], lambda at, them=requests: them[at]),
                its_job(embedded_deployment, own, way),
            )
            read, written = reading(), writing()

        print(
            f"\n{way}: {dict(statuses)}; the neighbour's GETs {read}; its posts {written}; its file after {job:.1f} s"
        )
        assert set(statuses) <= {200, 201, 202, 409, 429, 503}, way
        assert set(statuses) & {200, 201, 202}, way
        assert set(read.statuses) == {200}
        assert set(written.statuses) == {201}
        assert max(read.p50, written.p50) < 500, way
