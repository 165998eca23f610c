"""Insights over a million and ten million events, beside SQL written by hand for the same question: in chDB, and in PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from bench.report import Line, median
from bench.world import Databases
from opsloop_metrics.store.embedded import EmbeddedStore
from opsloop_metrics.store.port import QUERY_BYTES as QUERY_BYTES_OF_ONE
from opsloop_metrics.store.port import written
from tests.insights.product import Product, open_product

END = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 90
PEOPLE = 200_000
SIZES = (1_000_000, 10_000_000)
START = END - timedelta(days=DAYS)
WORKSPACE = "bench"
QUERY_BYTES = 8 * 1024**3
_EVENTS = "['view', 'search', 'cart', 'signup', 'activate', 'pay', '$pageview', '支付']"
FILL = f"""
INSERT INTO opsloop.event (workspace, id, kind, event, time, received_at, distinct_id, person, utm_source, path, properties)
SELECT '{WORKSPACE}', generateUUIDv4(), if(n = 1, 'page', 'track'), {_EVENTS}[8 - n],
    fromUnixTimestamp64Milli(toInt64({int(START.timestamp() * 1000)} + rand64(1) % {DAYS * 86_400_000}), 'UTC'), now64(3),
    concat('user-', toString(p)), reinterpretAsUUID(toUInt128(p + 1)), ['google', 'baidu', '', 'mail'][rand(3) % 4 + 1],
    concat('/p/', toString(rand(4) % 40)), concat('{{"plan":"', ['free', 'pro'][rand(5) % 2 + 1], '","amount":', toString(rand(6) % 1000), '}}')
FROM (SELECT toUInt8(least(7, floor(log2(1 + rand(7) % 255)))) AS n, rand64(2) % {PEOPLE} AS p FROM numbers(1000000))
"""
BARE = """
CREATE TABLE bare_event (event text NOT NULL, time timestamptz NOT NULL, person uuid NOT NULL, utm_source text NOT NULL);
"""
INDEX = (
    "CREATE INDEX ON bare_event (event, time) INCLUDE (person); CREATE INDEX ON bare_event (time) INCLUDE (person, event); "
    "CREATE INDEX ON bare_event (person, event, time); ANALYZE bare_event"
)
RANGE = {
    "from": START.date().isoformat(),
    "to": (END - timedelta(days=1)).date().isoformat(),
    "time_zone": "Asia/Shanghai",
}
_IN = f"workspace = '{WORKSPACE}' AND time >= '{written(START)}' AND time < '{written(END)}' AND is_bot = 0 AND is_test = 0"
_DAY = "toDate(time, 'Asia/Shanghai')"
_PG_DAY = "(time AT TIME ZONE 'Asia/Shanghai')::date"


@dataclass(frozen=True)
class Question:
    """What is asked of the product, and of both engines by hand; goals are ratios of times."""

    name: str
    insight: str
    query: dict[str, Any]
    by_hand: str
    in_postgres: str | None
    most_of_by_hand: float
    least_of_postgres: float | None


def funnel(*names: str, **more: Any) -> dict[str, Any]:
    """Return the query of a funnel."""
    return {**RANGE, "steps": [{"event": name} for name in names], "window": "P14D", **more}


QUESTIONS = (
    Question(
        "distinct users of each of 90 days, and of all",
        "trends",
        {**RANGE, "series": [{"event": None, "aggregate": "users"}]},
        f"SELECT {_DAY} AS d, uniqExact(person) FROM opsloop.event WHERE {_IN} AND kind IN ('track', 'page', 'screen') GROUP BY d WITH ROLLUP",
        f"SELECT {_PG_DAY}, count(DISTINCT person) FROM bare_event GROUP BY ROLLUP (1)",
        1.3,
        8.0,
    ),
    Question(
        "active users: of each of 90 days, of its 7 and of its 30 days",
        "active-users",
        RANGE,
        "SELECT d + back AS day, uniqExact(cityHash64(person)) FROM "  # of the 30 days alone: all three take more than 2 GiB
        f"(SELECT DISTINCT {_DAY} AS d, person FROM opsloop.event WHERE {_IN} AND kind IN ('track', 'page', 'screen')) "
        "ARRAY JOIN range(30) AS back GROUP BY day",
        None,
        1.3,
        None,
    ),
    Question(
        "trend of one event by day",
        "trends",
        {**RANGE, "series": [{"event": "pay", "aggregate": "count"}]},
        f"SELECT {_DAY} AS d, count() FROM opsloop.event WHERE {_IN} AND event = 'pay' GROUP BY d",
        f"SELECT {_PG_DAY}, count(*) FROM bare_event WHERE event = 'pay' GROUP BY 1",
        1.3,
        8.0,
    ),
    Question(
        "trend of distinct users by source",
        "trends",
        {**RANGE, "series": [{"event": "view", "aggregate": "users"}], "breakdown": {"field": "utm_source", "limit": 3}},
        f"SELECT utm_source, {_DAY} AS d, uniqExact(person) FROM opsloop.event WHERE {_IN} AND event = 'view' "
        "GROUP BY GROUPING SETS ((utm_source, d), (utm_source))",
        f"SELECT utm_source, {_PG_DAY}, count(DISTINCT person) FROM bare_event WHERE event = 'view' GROUP BY GROUPING SETS ((1, 2), (1))",
        2.0,
        None,
    ),
    Question(
        "funnel of 3 steps",
        "funnel",
        funnel("view", "cart", "pay"),
        "SELECT level, count() FROM (SELECT person, windowFunnel(1209600000)(toUInt64(toUnixTimestamp64Milli(time)), event = 'view', "
        f"event = 'cart', event = 'pay') AS level FROM opsloop.event WHERE {_IN} AND event IN ('view', 'cart', 'pay') GROUP BY person) GROUP BY level",
        "SELECT count(*), count(b), count(c) FROM (SELECT a.person, (SELECT min(time) FROM bare_event b WHERE b.person = a.person AND b.event = 'cart' "
        "AND b.time >= a.time AND b.time <= a.time + interval '14 days') AS b, (SELECT min(time) FROM bare_event c WHERE c.person = a.person AND c.event = 'pay' "
        "AND c.time >= a.time AND c.time <= a.time + interval '14 days') AS c FROM (SELECT person, min(time) AS time FROM bare_event WHERE event = 'view' GROUP BY 1) AS a) AS x",
        1.3,
        4.0,
    ),
    Question(
        "exact pass: the same in any order, 3 days",
        "funnel",
        funnel("view", "cart", "pay", order="unordered", **{"from": (END - timedelta(days=3)).date().isoformat()}),
        "SELECT level, count() FROM (SELECT person, windowFunnel(1209600000)(toUInt64(toUnixTimestamp64Milli(time)), event = 'view', "
        f"event = 'cart', event = 'pay') AS level FROM opsloop.event WHERE {_IN} AND time >= '{written(END - timedelta(days=3))}' "
        "AND event IN ('view', 'cart', 'pay') GROUP BY person) GROUP BY level",
        None,
        4.0,
        None,
    ),
    Question(
        "daily retention, 30 by 30",
        "retention",
        {
            **RANGE, "from": (END - timedelta(days=30)).date().isoformat(), "start": {"event": "view"}, "return": {"event": None}, "interval": "day", "periods": 30,
        },
        "WITH s AS (SELECT person, groupUniqArrayIf(toDate(time, 'Asia/Shanghai'), event = 'view') AS begun, groupUniqArray(toDate(time, 'Asia/Shanghai')) AS days "
        f"FROM opsloop.event WHERE {_IN} AND time >= '{written(END - timedelta(days=30))}' GROUP BY person) "
        "SELECT b, d - b AS k, count() FROM s ARRAY JOIN begun AS b ARRAY JOIN days AS d WHERE d >= b GROUP BY b, k",
        f"WITH s AS (SELECT DISTINCT person, {_PG_DAY} AS b FROM bare_event WHERE event = 'view' AND time >= '{END - timedelta(days=30)}'), "
        f"r AS (SELECT DISTINCT person, {_PG_DAY} AS d FROM bare_event WHERE time >= '{END - timedelta(days=30)}') "
        "SELECT b, d - b, count(*) FROM s JOIN r USING (person) WHERE d >= b GROUP BY 1, 2",
        1.3,
        8.0,
    ),
)  # fmt: skip


class Peak:
    """Watches how much memory this process takes at most in the block, looking a hundred times a second."""

    def __enter__(self) -> Peak:
        """Begin to watch."""
        self.bytes, self._over = 0, threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching; `bytes` says how much it was."""
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._over.wait(0.01):
            self.bytes = max(self.bytes, process.memory_info().rss)


async def measure(databases: Databases, folder: Path, *, rounds: int, sizes: tuple[int, ...] = SIZES) -> list[Line]:
    """Fill the stores to each size and ask everything `rounds` times: the product, then by hand, then PostgreSQL."""
    lines: list[Line] = []
    took: dict[tuple[str, int], float] = {}
    most = 0
    postgres = await asyncpg.connect((await databases.migrated("metrics", "bare")).replace("+asyncpg", "", 1))
    await postgres.execute(BARE)
    store = EmbeddedStore(folder / "events")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        product = await stack.enter_async_context(open_product(databases, store))
        filled = 0
        for size in sizes:
            while filled < size:
                await store.change(FILL)
                filled += 1_000_000
            await _copy(store, postgres)
            for question in QUESTIONS:
                with Peak() as peak:
                    ours = await _timed(rounds, lambda question=question: _ask(product, question))
                most = max(most, peak.bytes)
                by_hand = await _timed(
                    rounds, lambda question=question: store.query(question.by_hand, seconds=60, bytes=QUERY_BYTES)
                )
                relational = None
                if question.in_postgres is not None:
                    relational = await _timed(1, lambda sql=question.in_postgres: _in_postgres(postgres, sql))
                took[question.name, size] = ours
                lines.append(_line(question, size, ours, by_hand, relational))
    for question in QUESTIONS if len(sizes) > 1 else ():
        small, large = (took[question.name, size] for size in (sizes[0], sizes[-1]))
        growth = large / small / (sizes[-1] / sizes[0])
        lines.append(
            Line(
                "insights",
                f"{question.name}: cost of {sizes[-1]:,} events, of {sizes[0]:,}",
                f"{large:.2f} s",
                f"{small:.2f} s",
                growth,
                "≤ 1 a event",
                growth <= 1.1,
            )
        )
    lines.append(
        Line(
            "insights",
            "most memory of the process while the product answered, the benchmark's own rows and caches included",
            f"{most / 2**20:,.0f} MiB",
            f"one query may take {QUERY_BYTES_OF_ONE / 2**20:,.0f} MiB",
        )
    )
    await postgres.close()
    return lines


def _line(question: Question, size: int, ours: float, by_hand: float, relational: float | None) -> Line:
    goals = [f"≤ {question.most_of_by_hand} × by hand"]
    met = ours <= by_hand * question.most_of_by_hand
    baseline = f"by hand {by_hand:.2f} s"
    if relational is not None:
        baseline += f", PostgreSQL {relational:.2f} s ({relational / ours:.1f} ×)"
    if question.least_of_postgres is not None and relational is not None:
        goals.append(f"≥ {question.least_of_postgres:g} × faster than PostgreSQL")
        met = met and relational >= ours * question.least_of_postgres
    return Line(
        section="insights",
        what=f"{question.name}, {size:,} events",
        ours=f"{ours:.2f} s",
        baseline=baseline,
        ratio=ours / by_hand,
        goal=", ".join(goals),
        met=met,
    )


async def _timed(rounds: int, work: Callable[[], Awaitable[object]]) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    return median(times)


async def _ask(product: Product, question: Question) -> None:
    await product.ask(WORKSPACE, question.insight, question.query, now=END)


async def _in_postgres(postgres: asyncpg.Connection, sql: str) -> None:
    await postgres.execute(
        "SET work_mem = '512MB'; SET max_parallel_workers_per_gather = 2; SET statement_timeout = '300s'"
    )
    try:
        await postgres.fetch(sql)
    except asyncpg.QueryCanceledError:
        return  # five minutes are an answer as well


async def _copy(store: EmbeddedStore, postgres: asyncpg.Connection) -> None:
    """Give PostgreSQL the same rows, typed, with covering indexes and statistics."""
    await postgres.execute("DROP TABLE bare_event")
    await postgres.execute(BARE)
    for day in range(DAYS):
        since = START + timedelta(days=day)
        found = await store.query(
            f"SELECT event, toUnixTimestamp64Milli(time), toString(person), utm_source FROM opsloop.event WHERE workspace = '{WORKSPACE}' "
            f"AND time >= '{written(since)}' AND time < '{written(since + timedelta(days=1))}'",
            seconds=120,
            bytes=QUERY_BYTES,
        )
        rows = [
            (event, datetime.fromtimestamp(int(ms) / 1000, UTC), person, source)
            for event, ms, person, source in found.rows
        ]
        await postgres.copy_records_to_table("bare_event", records=rows)
        await asyncio.sleep(0)
    await postgres.execute(INDEX)
