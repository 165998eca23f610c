"""A thousand monitors over a million events: what they cost at rest and while events come in, and how soon a breach is told; and the board.

Two workspaces have 500 monitors each, over events of the last 30 days. A tenth of the monitors read the posts that come in, each
waiting for those of one author; the others read five types of events of which no new ones come, over an hour to a week.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from bench.load import percentile
from bench.neighbours import GREEDY, HEALTHY, Neighbours, arrived_by, neighbours, ok
from bench.report import Line
from opsloop_common.limits import MONITORS_PER_WORKSPACE
from tests.harness import eventually

WATCHED = GREEDY[:2]
EVENTS = 500_000
"""Of each of both workspaces."""
DAYS = 30
COMING = "feedback.received"
OTHERS = ("feedback.classified", "feedback.assigned", "feedback.replied", "feedback.resolved", "feedback.reopened")
BY_SYSTEM = {"where": [{"field": "actor", "op": "eq", "value": "system"}]}
MEASURES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"aggregate": "count"}, "count(*)"),
    ({"aggregate": "users"}, "count(DISTINCT user_id)"),
    ({"aggregate": "count"} | BY_SYSTEM, "count(*) FILTER (WHERE actor = 'system')"),
    ({"aggregate": "share"} | BY_SYSTEM, "avg((actor = 'system')::int)"),
    ({"aggregate": "avg", "property": "data.number"}, "avg((data->>'number')::numeric)"),
)
"""What is measured, and the same by hand."""
WINDOWS = {
    "PT1H": timedelta(hours=1),
    "PT6H": timedelta(hours=6),
    "P1D": timedelta(days=1),
    "P7D": timedelta(days=7),
}
PROBES = 50
"""Monitors of each workspace that wait for the posts of one author."""
KPIS = 45
A_SECOND = 20
EVERY = 12
"""One post of so many is what a monitor waits for."""
SETTLE_SECONDS = 15.0
GOAL_SECONDS = 1.0
BOARD_KPIS, BOARD_POINTS, BOARD_GOAL_MS, BOARD_ASKED = 50, 30, 200.0, 100
TOLD = (
    "SELECT payload::jsonb->'data'->>'kpi' AS kpi, extract(epoch FROM published_at)::float AS at FROM outbox "
    "WHERE type = 'kpi.breached' AND published_at IS NOT NULL"
)
LOOKS = "SELECT n_tup_ins + n_tup_upd AS count FROM pg_stat_user_tables WHERE relname = 'evaluation'"  # one row is written a look
BEHIND = "SELECT count(*) AS count FROM due WHERE kind = 'metrics.evaluate' AND due_at < now() - interval '1 second'"
BOARD = (
    "SELECT k.*, n.* FROM (SELECT * FROM kpi WHERE workspace = $1 ORDER BY created_at DESC, id DESC LIMIT 50) AS k "
    "CROSS JOIN LATERAL (SELECT * FROM kpi_measurement AS m WHERE m.kpi_id = k.id ORDER BY starts_at DESC LIMIT 30) AS n"
)


@dataclass
class Spent:
    """Processor time of the all-in-one with its PostgreSQL, and how often a monitor looked, in so many seconds."""

    seconds: float = 0.0
    cpu: float = 0.0
    looks: int = 0

    @property
    def a_minute(self) -> float:
        """Return the seconds of processor time in a minute."""
        return 60 * self.cpu / self.seconds


async def measure(folder: Path, *, seconds: float) -> list[Line]:
    """Let each phase last for `seconds`: nothing and posts alone before there is a monitor, then both with all of them."""
    settings = {"OPSLOOP_RATE_LIMIT_WORKSPACE_PER_SECOND": "100000"}
    async with neighbours(folder, "feedback", "metrics", **settings) as town:
        board = await _board(town)
        await _store_events(town)
        async with _spending(town) as idle:
            await asyncio.sleep(seconds)
        async with _spending(town) as posts:
            await _post(town, seconds)
        await _watch(town)
        await asyncio.sleep(SETTLE_SECONDS)
        async with _spending(town) as rest:
            await asyncio.sleep(seconds)
        async with _spending(town) as load:
            began = await _post(town, seconds, probing=True)
        late = await arrived_by(began, lambda: _told(town))
        by_hand = await _by_hand(town)
    count = len(WATCHED) * MONITORS_PER_WORKSPACE
    return [
        _cost(f"{count:,} monitors over {len(WATCHED) * EVENTS:,} events, at rest", rest, idle, by_hand),
        _cost(f"the same, {A_SECOND} posts/s", load, posts, by_hand),
        *(_late(late, name, share) for name, share in (("p50", 0.5), ("p99", 0.99))),
        *board,
    ]


def _cost(what: str, spent: Spent, without: Spent, by_hand: float) -> Line:
    each = (spent.cpu / spent.seconds - without.cpu / without.seconds) * spent.seconds / max(spent.looks, 1)
    looks = 60 * spent.looks / spent.seconds
    return Line(
        "monitors",
        what,
        f"{spent.a_minute:.1f} s CPU a minute, {looks:,.0f} looks, {1000 * each:.1f} ms each",
        f"without monitors {without.a_minute:.1f} s; SQL by hand {1000 * by_hand:.1f} ms a look",
        each / by_hand,
    )


def _late(late: list[float], name: str, share: float) -> Line:
    found = percentile(late, share)
    what = f"post → kpi.breached told, at that load, {name} of {len(late)}"
    return Line(
        "monitors", what, f"{found:,.0f} ms", "", goal=f"≤ {GOAL_SECONDS:g} s", met=found <= 1000 * GOAL_SECONDS
    )


@asynccontextmanager
async def _spending(town: Neighbours) -> AsyncIterator[Spent]:
    spent, began, cpu, looks = Spent(), time.monotonic(), _cpu_seconds(town), await _looks(town)
    yield spent
    spent.seconds, spent.cpu = time.monotonic() - began, _cpu_seconds(town) - cpu
    spent.looks = await _looks(town) - looks


def _cpu_seconds(town: Neighbours) -> float:
    """Return the processor time of the process and all below it, those that ended included."""
    parent = psutil.Process(town.deployment.processes["opsloop"].pid)
    return sum(sum(process.cpu_times()[:4]) for process in [parent, *parent.children(recursive=True)])


async def _looks(town: Neighbours) -> int:
    return int((await town.deployment.fetch("metrics", LOOKS))[0]["count"])


async def _told(town: Neighbours) -> dict[str, float]:
    return {row["kpi"]: row["at"] for row in await town.deployment.fetch("metrics", TOLD)}


async def _store_events(town: Neighbours) -> None:
    async with town.database("metrics") as database:
        await database.execute(
            "INSERT INTO domain_event (workspace, event_id, type, at, received_at, user_id, subject, actor, correlationid, "
            "causationdepth, data) SELECT w, gen_random_uuid(), ($3::text[])[1 + n % cardinality($3::text[])], "
            "now() - random() * $4 * interval '1 day', now(), 'u' || n % 5000, 'feedback/' || n, "
            "CASE WHEN n % 3 = 0 THEN 'system' ELSE 'key' END, 'c' || n, 0, jsonb_build_object('feedback_id', gen_random_uuid(), "
            "'number', n, 'kind', 'bug', 'channel', 'api', 'sentiment', n % 100 / 100.0, 'tags', jsonb_build_array('export'), "
            "'author', jsonb_build_object('user_id', 'u' || n % 5000, 'verified', true)) "
            "FROM unnest($1::text[]) AS w, generate_series(1, $2) AS n",
            WATCHED,
            EVENTS,
            [COMING, *OTHERS],
            DAYS,
        )
        await database.execute("VACUUM (ANALYZE) domain_event")


def _others() -> Iterator[tuple[int, dict[str, Any], str]]:
    """Yield the KPIs of events that do not come in: number, measure, the same by hand."""
    for number in range(KPIS):
        said, sql = MEASURES[number % len(MEASURES)]
        yield number, {"type": "events", "event": OTHERS[number // len(MEASURES) % len(OTHERS)]} | said, sql


def _windows() -> list[str]:
    each = (MONITORS_PER_WORKSPACE - PROBES) // KPIS
    return [list(WINDOWS)[number % len(WINDOWS)] for number in range(each)]


async def _watch(town: Neighbours) -> None:
    """Define the KPIs and their monitors, and wait until each has looked."""
    for place, workspace in enumerate(WATCHED):
        client = town.client("metrics", workspace)

        async def watch(
            key: str, measure: dict[str, Any], limit: float, windows: list[str], client: Any = client
        ) -> None:
            await ok(client.post("/v1/kpis", json={"key": key, "name": key, "measure": measure}))
            condition = {"type": "threshold", "operator": "gt", "value": limit}
            for window in windows:
                await ok(client.post(f"/v1/kpis/{key}/monitors", json={"condition": condition, "window": window}))

        for number, measure, _ in _others():
            await watch(f"k{number}", measure, 1e9, _windows())
        for number in range(place, PROBES * len(WATCHED), len(WATCHED)):
            author = {"field": "data.author.user_id", "op": "eq", "value": f"probe{number}"}
            measure = {"type": "events", "event": COMING, "aggregate": "count", "where": [author]}
            await watch(f"probe{number}", measure, 0, ["P1D"])

    async def all_looked() -> bool:
        return not (await town.deployment.fetch("metrics", BEHIND))[0]["count"]

    await eventually(all_looked, within=300, every=1, what="every monitor looked")


async def _post(town: Neighbours, seconds: float, *, probing: bool = False) -> dict[str, float]:
    """Post to both workspaces in turn; returns when each post that a monitor waits for was sent (Unix seconds)."""
    clients = [town.client("feedback", workspace) for workspace in WATCHED]
    began: dict[str, float] = {}

    async def post(number: int) -> None:
        probe, rest = divmod(number, EVERY)
        author, client = f"u{number}", clients[number % len(clients)]
        if probing and rest == 0 and probe < PROBES * len(WATCHED):
            author, client = f"probe{probe}", clients[probe % len(clients)]
            began[author] = time.time()
        await ok(
            client.post("/v1/feedback", json={"body": f"The export fails, {number}.", "author": {"user_id": author}})
        )

    start, posting = time.monotonic(), list[asyncio.Task[None]]()
    for number in range(int(seconds * A_SECOND)):
        await asyncio.sleep(max(0.0, start + number / A_SECOND - time.monotonic()))
        posting.append(asyncio.create_task(post(number)))
    await asyncio.gather(*posting)
    return began


async def _by_hand(town: Neighbours) -> float:
    """Return the seconds of processor time, PostgreSQL's and ours, that each monitor's measure takes as one plain statement."""
    now, asked = datetime.now(UTC), 0
    async with town.database("metrics") as database:
        backend = psutil.Process(database.get_server_pid())
        began, cpu = time.process_time(), sum(backend.cpu_times()[:2])
        for workspace in WATCHED:
            for _, measure, sql in _others():
                for window in _windows():
                    await _ask(database, sql, workspace, measure["event"], now - WINDOWS[window], now)
            for number in range(PROBES):
                author = f"count(*) FILTER (WHERE data->'author'->>'user_id' = 'probe{number}')"
                await _ask(database, author, workspace, COMING, now - WINDOWS["P1D"], now)
            asked += MONITORS_PER_WORKSPACE
        return (time.process_time() - began + sum(backend.cpu_times()[:2]) - cpu) / asked


async def _ask(database: asyncpg.Connection, sql: str, *values: Any) -> None:
    await database.fetchval(
        f"SELECT {sql} FROM domain_event WHERE workspace = $1 AND type = $2 AND at > $3 AND at <= $4", *values
    )


# The board: as many KPIs as a page shows, each with what it came to in 30 days


async def _board(town: Neighbours) -> list[Line]:
    client = town.client("metrics", HEALTHY)
    for number in range(BOARD_KPIS):
        wanted = {"key": f"b{number}", "name": f"KPI {number}", "measure": {"type": "reported"}, "target": 100}
        await ok(client.post("/v1/kpis", json=wanted))
        await ok(client.post(f"/v1/kpis/b{number}/values", json={"value": number}))
    async with town.database("metrics") as database:
        await database.execute(
            "INSERT INTO kpi_measurement (kpi_id, starts_at, ends_at, workspace, at, value, measured_at) "
            "SELECT k.id, d, d + interval '1 day', k.workspace, d + interval '1 day', 100 * random(), now() FROM kpi AS k, "
            "generate_series(1, $2) AS n, CAST(date_trunc('day', now(), 'UTC') - n * interval '1 day' AS timestamptz) AS d "
            "WHERE k.workspace = $1 ON CONFLICT DO NOTHING",
            HEALTHY,
            BOARD_POINTS,
        )
        await database.execute("VACUUM (ANALYZE) kpi_measurement, kpi")
        ours, by_hand = list[float](), list[float]()
        for _ in range(BOARD_ASKED):
            began = time.perf_counter()
            page = await ok(client.get(f"/v1/kpis?limit={BOARD_KPIS}"))
            ours.append(1000 * (time.perf_counter() - began))
            began = time.perf_counter()
            await database.fetch(BOARD, HEALTHY)
            by_hand.append(1000 * (time.perf_counter() - began))
    assert [len(kpi["series"]) for kpi in page["items"]] == [BOARD_POINTS] * BOARD_KPIS
    return [
        Line(
            "monitors",
            f"board of {BOARD_KPIS} KPIs with {BOARD_POINTS} points each, one request, {name} of {BOARD_ASKED}",
            f"{percentile(ours, share):.0f} ms",
            f"SQL by hand {percentile(by_hand, share):.1f} ms",
            percentile(ours, share) / percentile(by_hand, share),
            f"< {BOARD_GOAL_MS:.0f} ms",
            percentile(ours, share) < BOARD_GOAL_MS,
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]
