"""`opsloop status`: the same that /readyz and /metrics say, for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import text

from opsloop import data
from opsloop.access import opened
from opsloop.data import Holder
from opsloop.settings import EmbeddedSettings
from opsloop_common.due.failing import Failing, find_failing
from opsloop_common.embedded_postgres import PostgresServer, programs
from opsloop_common.service import Runtime

READY_SECONDS = 5.0

_COUNTS = text(
    """
    SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS pending,
           (SELECT extract(epoch FROM clock_timestamp() - min(created_at)) FROM outbox WHERE published_at IS NULL) AS oldest,
           (SELECT coalesce(max(position), 0) FROM outbox) AS head,
           (SELECT count(*) FROM parked_event WHERE status = 'failed') AS parked,
           (SELECT count(*) FROM parked_event WHERE status = 'held') AS held,
           (SELECT count(*) FROM due WHERE status = 'waiting' AND due_at <= clock_timestamp()) AS due,
           (SELECT count(*) FROM due WHERE status = 'failed') AS failed
    """
)
_VERSION = text("SELECT current_setting('server_version')")
_CURSORS = text("SELECT consumer, source, position FROM delivery_cursor")


def show(settings: EmbeddedSettings) -> int:
    """Print how each service is; returns 0 when all are ready, 3 when some are not, 4 when nothing runs."""
    return asyncio.run(_show(settings))


async def _show(settings: EmbeddedSettings) -> int:
    console = Console()
    holder = data.holder_of(settings.data_dir)
    ready = await _readiness(holder)
    console.print(_headline(holder, settings))
    async with opened(settings) as runtimes:
        async with runtimes[0].db.transaction() as session:
            running = str(await session.scalar(_VERSION))
        counts = {runtime.service.name: await _counts(runtime) for runtime in runtimes}
        lags = {runtime.service.name: await _lag(runtime, counts) for runtime in runtimes}
        failing = [(runtime.service.name, each) for runtime in runtimes for each in await find_failing(runtime.db)]
        shown = [row for runtime in runtimes for row in await _gauges(runtime)]
    server = PostgresServer(data.postgres_dir(settings.data_dir))
    line = postgres_line(running, installed=programs.package_version(), socket=server.socket_dir)
    console.print(line, highlight=False, markup=False, soft_wrap=True)
    columns = ("service", "ready", "events pending", "behind", "parked", "work due", "work failed")
    table = Table(*columns, box=None, pad_edge=False)
    for name, count in counts.items():
        waiting = f"{count['pending']}" + (f" (oldest {count['oldest']:.0f} s)" if count["pending"] else "")
        parked = f"{count['parked']}" + (f" (+{count['held']} held)" if count["held"] else "")
        table.add_row(name, ready[name], waiting, str(lags[name]), parked, str(count["due"]), str(count["failed"]))
    console.print(table)
    if failing:
        console.print(failing_table(failing))
    console.print(_details(shown))
    if holder is None:
        return 4
    return 0 if set(ready.values()) == {"yes"} else 3


def _headline(holder: Holder | None, settings: EmbeddedSettings) -> str:
    where = settings.data_dir.resolve()
    if holder is None:
        return f"OpsLoop does not run on {where}; this is how it was left."
    return f"OpsLoop runs on {where}: process {holder.pid}, {holder.url or 'still starting'}"


def postgres_line(running: str, *, installed: str, socket: Path) -> str:
    """Say which PostgreSQL runs, and how to come by a newer one: `installed` is the version of the package that carries it."""
    carried = ".".join(installed.split(".")[:2])
    if running.split()[0] != carried:
        return (
            f"PostgreSQL {running} runs, {carried} is installed: restart OpsLoop to use it (the data stays as it is)."
        )
    major = carried.partition(".")[0]
    return (
        f"PostgreSQL {carried} ({programs.PACKAGE} {installed}), socket {socket}. Newer {major}.x come with OpsLoop's releases, "
        f"or at once: pip install --upgrade '{programs.PACKAGE}<{int(major) + 1}', then restart OpsLoop."
    )


async def _readiness(holder: Holder | None) -> Mapping[str, str]:
    """Ask the running process; per service `yes`, or why not."""
    names = ("feedback", "metrics", "campaigns", "notifications")
    if holder is None or not holder.url:
        return dict.fromkeys(names, "no")
    try:
        async with httpx.AsyncClient(timeout=READY_SECONDS, trust_env=False) as client:
            answer = (await client.get(f"{holder.url}/readyz")).json()
    except (httpx.HTTPError, ValueError) as error:
        return dict.fromkeys(names, type(error).__name__)
    reasons: Mapping[str, object] = answer.get("services", {})
    return {name: str(reasons.get(name, reasons.get("opsloop", "yes"))) for name in names}


async def _counts(runtime: Runtime) -> dict[str, Any]:
    async with runtime.db.transaction() as session:
        return dict((await session.execute(_COUNTS)).one()._mapping)


async def _gauges(runtime: Runtime) -> list[tuple[str, str, float]]:
    """Return (service, what, how much) of all that a service shows of its own on /metrics."""
    for gauge in runtime.service.gauges:
        await gauge(runtime)
    return [
        (runtime.service.name, ", ".join([family.documentation, *sample.labels.values()]), sample.value)
        for family in runtime.registry.collect()
        if family.type == "gauge"
        for sample in family.samples
    ]


def failing_table(failing: Iterable[tuple[str, Failing]]) -> Table:
    """Return the table of work that fails and is tried again: what, whose, since when, why."""
    table = Table("service", "failing work", "workspace", "since", "last error", box=None, pad_edge=False)
    for service, row in failing:
        since = f"{row.first_failed_at:%Y-%m-%d %H:%M:%SZ}"
        table.add_row(service, row.kind, row.workspace or "-", since, Text(row.last_error.partition("\n")[0]))
    return table


def _details(shown: Iterable[tuple[str, str, float]]) -> Table:
    table = Table("service", "what", "now", box=None, pad_edge=False)
    for service, what, value in shown:
        table.add_row(service, what, f"{value:.0f}")
    return table


async def _lag(runtime: Runtime, counts: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many events of any service this one's slowest consumer has yet to apply, to within a second."""
    async with runtime.db.transaction() as session:
        cursors = (await session.execute(_CURSORS)).all()
    return max((counts[row.source]["head"] - row.position for row in cursors if row.source in counts), default=0)
