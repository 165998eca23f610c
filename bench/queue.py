"""`python -m bench.queue --posts 1000000`: how long a page of the queue takes, the first and the thousandth, in each order, and facets.

Over the HTTP door of the service in this process, on a PostgreSQL of its own; beside each the plan of its statement.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import text

from bench.world import databases
from opsloop_common.clock import SystemClock
from opsloop_common.db import Context, Database, app_role
from opsloop_common.testing import run
from opsloop_common.testing.http import Api, open_api, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.filters.rules import Filters, Sort
from opsloop_feedback.items import queries

WORKSPACE = "acme"
NEIGHBOUR = "neighbour"
PAGE = 50
DEEP = 1_000
GOAL_MS = 30.0
ROUNDS = 60
PORTION = 50_000
FILL = (
    "INSERT INTO feedback (id, workspace, status, body, kind, severity, sentiment, triage, channel, source, author_user_id, "
    "author_verified, tags, attributes, assignee, team, due_at, occurred_at, created_at, updated_at, search_text, affected_users) "
    "SELECT gen_random_uuid(), $1, (ARRAY['new','open','pending','resolved','closed'])[1 + at % 5], 'The export fails again', "
    "(ARRAY['bug','idea','praise'])[1 + at % 3], 's' || 1 + at % 4, 0, $4, 'api', 'bench', 'u' || at % 9973, true, "
    "ARRAY['tag' || at % 40], '{}', CASE WHEN at % 2 = 0 THEN 'agent' || at % 50 END, 'team' || at % 7, "
    "CASE WHEN at % 3 = 0 THEN now() + at % 9999 * interval '1 minute' END, now(), now() - at * interval '1 second', "
    "now() - at * 7919 % 999983 * interval '1 second', 'the export fails again', 1 + at % 9 FROM generate_series($2::int, $3::int) AS at"
)
TRIAGE = '{"engine": "bench", "kind": "bug", "severity": "s3", "sentiment": 0, "language": "en", "reasons": []}'


async def fill(postgres: asyncpg.Connection, posts: int) -> None:
    """Add so many posts, and a tenth of them to a neighbour."""
    for workspace, count in ((WORKSPACE, posts), (NEIGHBOUR, posts // 10)):
        for start in range(0, count, PORTION):
            await postgres.execute(FILL, workspace, start, min(start + PORTION, count) - 1, TRIAGE)
    await postgres.execute("VACUUM ANALYZE feedback")


async def p95(ask: Callable[[], Awaitable[None]]) -> float:
    """Return the time in ms that 19 of 20 questions stay below."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - began)
    return statistics.quantiles(seconds, n=20)[-1] * 1000


async def deep_cursor(api: Api, agent: dict[str, str], sort: str) -> str | None:
    """Return the cursor of the thousandth page, None where there are fewer."""
    cursor, before = None, PAGE * (DEEP - 1)
    while before > 0:
        limit = min(200, before)
        params = {"limit": limit, "sort": sort} | ({"cursor": cursor} if cursor else {})
        cursor = (await api.client.get("/v1/feedback", params=params, headers=agent)).json()["next_cursor"]
        if cursor is None:
            return None
        before -= limit
    return cursor


async def plan_of(api: Api, sort: Sort) -> str:
    """Return the plan of a first page."""
    async with api.db.transaction(Context(WORKSPACE)) as session:
        statement = queries.matching(Filters()).order_by(*queries.ORDERS[sort]).limit(PAGE + 1)
        compiled = statement.compile(bind=session.get_bind(), compile_kwargs={"literal_binds": True})
        rows = await session.execute(text(f"EXPLAIN {compiled}"))
        return " ".join(line.strip() for (line,) in rows if "Scan" in line)


async def measure(api: Api) -> bool:
    """Print a line for each order and for facets; returns whether all orders keep the goal and none reads the whole table."""
    agent, is_kept = await api.key("feedback:read", workspace=WORKSPACE), True

    def asking(**params: str | int) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            answer = await api.client.get("/v1/feedback", params=params, headers=agent)
            answer.raise_for_status()

        return ask

    for sort in Sort:
        first = await p95(asking(sort=sort.value))
        cursor = await deep_cursor(api, agent, sort.value)
        deep = await p95(asking(sort=sort.value, cursor=cursor)) if cursor else 0.0
        plan = await plan_of(api, sort)
        is_kept &= max(first, deep) < GOAL_MS and "Seq Scan" not in plan
        print(f"{sort.value:10} page 1 p95 {first:6.1f} ms, page {DEEP:,} p95 {deep:6.1f} ms  {plan[:160]}", flush=True)
    for facets in ("status", "status,kind,severity,channel,assignee,team,tag"):
        print(f"facets {facets}: p95 {await p95(asking(facets=facets, limit=1)):.1f} ms", flush=True)
    return is_kept


async def _measured(posts: int) -> bool:
    with databases() as found:
        url = await found.migrated("feedback", "queue")
        postgres = await asyncpg.connect(url.replace("+asyncpg", "", 1))
        try:
            await fill(postgres, posts)
        finally:
            await postgres.close()
        database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
        async with open_api(SERVICE, database, settings_for_tests(SERVICE.settings)) as api:
            return await measure(api)


def main() -> None:
    """Fill a database, and print what pages of its queue take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    posts = parser.parse_args().posts
    begun = run.begin()  # whatever ends this, nothing that it started or wrote stays
    try:
        is_kept = asyncio.run(_measured(posts))
    finally:
        begun.end()
    print(f"{posts:,} posts: every order below {GOAL_MS:g} ms and from an index: {'yes' if is_kept else 'no'}")


if __name__ == "__main__":
    main()
