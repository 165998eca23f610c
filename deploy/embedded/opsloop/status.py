"""`opsloop status`: the same that /readyz and /metrics say, for a person or for a program.

It asks the running process and its PostgreSQL, and loads none of the services: that alone would take 1.5 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpcore
import orjson
import typer
from prometheus_client.parser import text_string_to_metric_families

from opsloop import data
from opsloop.data import Holder
from opsloop.outlines import OUTLINES
from opsloop.printing import show_document, show_table
from opsloop.reading import connected
from opsloop.settings import EmbeddedSettings
from opsloop_common.embedded_postgres import PostgresServer, programs
from opsloop_common.failing import find_failing

READY_SECONDS = 5.0

# what the columns tell already, or nobody asks of all services at once
_OF_THE_HOUSE = (
    "opsloop_outbox_",
    "opsloop_consumer_",
    "opsloop_parked_",
    "opsloop_due_",
    "opsloop_http_",
    "opsloop_loop_",
    "opsloop_queue_",
)

_COUNTS = """
    SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS pending,
           (SELECT extract(epoch FROM clock_timestamp() - min(created_at))::float FROM outbox WHERE published_at IS NULL) AS oldest,
           (SELECT coalesce(max(position), 0) FROM outbox) AS head,
           (SELECT count(*) FROM parked_event WHERE status = 'failed') AS parked,
           (SELECT count(*) FROM parked_event WHERE status = 'held') AS held,
           (SELECT count(*) FROM due WHERE status = 'waiting' AND due_at <= clock_timestamp()) AS due,
           (SELECT count(*) FROM due WHERE status = 'failed') AS failed,
           current_setting('server_version') AS version
"""
_CURSORS = "SELECT consumer, source, position FROM delivery_cursor"
_DEGRADED = "degraded: "

Counts = Mapping[str, Any]
Gauge = tuple[str, str, float]
"""Of which service, what, how much."""


def show(settings: EmbeddedSettings, *, as_json: bool) -> int:
    """Print how each service is; returns 0 when all are ready or do without something, 3 when some are not, 4 when nothing runs."""
    return asyncio.run(_show(settings, as_json=as_json))


async def _show(settings: EmbeddedSettings, *, as_json: bool) -> int:
    data.require_used(settings.data_dir)
    holder = data.holder_of(settings.data_dir)
    ready = await _readiness(holder)
    async with _gauges(settings, holder) as gauges:
        server = PostgresServer(data.postgres_dir(settings.data_dir))
        found = await asyncio.gather(*[_counts(server, name) for name in OUTLINES])
    counts = dict(zip(OUTLINES, found, strict=True))
    (show_as_json if as_json else show_as_text)(settings, server, holder, ready, counts, gauges)
    if holder is None:
        return 4
    return 0 if all(map(_is_ready, ready.values())) else 3


def show_as_json(
    settings: EmbeddedSettings,
    server: PostgresServer,
    holder: Holder | None,
    ready: Mapping[str, str],
    counts: Mapping[str, Counts],
    gauges: Iterable[Gauge],
) -> None:
    """Print all of it as one document."""
    services = {
        name: {
            "ready": _is_ready(ready[name]),
            "reason": None if ready[name] == "yes" else ready[name],
            "events_pending": count["pending"],
            "oldest_pending_seconds": count["oldest"],
            "behind": _behind(name, counts),
            "parked": count["parked"],
            "held": count["held"],
            "work_due": count["due"],
            "work_failed": count["failed"],
            "failing": [row._asdict() for row in count["failing"]],
        }
        for name, count in counts.items()
    }
    show_document(
        {
            "data_dir": str(settings.data_dir.resolve()),
            "process": None if holder is None else {"pid": holder.pid, "url": holder.url or None},
            "postgresql": {
                "running": _version(counts),
                "installed": programs.package_version(),
                "socket": str(server.socket_dir),
            },
            "services": services,
            "gauges": [{"service": service, "what": what, "now": now} for service, what, now in gauges],
        }
    )


def show_as_text(
    settings: EmbeddedSettings,
    server: PostgresServer,
    holder: Holder | None,
    ready: Mapping[str, str],
    counts: Mapping[str, Counts],
    gauges: Iterable[Gauge],
) -> None:
    """Print all of it for a person."""
    typer.echo(_headline(holder, settings))
    typer.echo(postgres_line(_version(counts), installed=programs.package_version(), socket=server.socket_dir))
    columns = ("service", "ready", "events pending", "behind", "parked", "work due", "work failed")
    rows = []
    for name, count in counts.items():
        waiting = f"{count['pending']}" + (f" (oldest {count['oldest']:.0f} s)" if count["pending"] else "")
        parked = f"{count['parked']}" + (f" (+{count['held']} held)" if count["held"] else "")
        rows.append((name, ready[name], waiting, _behind(name, counts), parked, count["due"], count["failed"]))
    show_table(columns, rows)
    if failing := failing_rows(counts):
        show_table(("service", "failing work", "workspace", "since", "last error"), failing)
    show_table(("service", "what", "now"), [(service, what, f"{now:.0f}") for service, what, now in gauges])


def failing_rows(counts: Mapping[str, Counts]) -> list[tuple[str, str, str, str, str]]:
    """Return the rows of the table of work that fails and is tried again: what, whose, since when, why."""
    return [
        (
            name,
            row.kind,
            row.workspace or "-",
            f"{row.first_failed_at:%Y-%m-%d %H:%M:%SZ}",
            row.last_error.partition("\n")[0],
        )
        for name, count in counts.items()
        for row in count["failing"]
    ]


def _headline(holder: Holder | None, settings: EmbeddedSettings) -> str:
    where = settings.data_dir.resolve()
    if holder is None:
        return f"OpsLoop does not run on {where}; this is how it was left."
    return f"OpsLoop runs on {where}: process {holder.pid}, {holder.url or 'still starting'}"


def _version(counts: Mapping[str, Counts]) -> str:
    return next(str(count["version"]) for count in counts.values())


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
    """Ask the running process; per service `yes`, `degraded` and why, or why it is not."""
    if holder is None or not holder.url:
        return dict.fromkeys(OUTLINES, "no")
    try:
        answer = orjson.loads((await _get(f"{holder.url}/readyz")).content)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, ValueError) as error:
        return dict.fromkeys(OUTLINES, type(error).__name__)
    return {name: readiness_of(name, answer) for name in OUTLINES}


def readiness_of(service: str, answer: Mapping[str, Any]) -> str:
    """Return what the process's `/readyz` says of one service, in a cell: `yes`, `degraded: …`, or what is not well."""
    reasons = answer.get("services", {})
    failed = reasons.get(service) or reasons.get("opsloop")
    if not failed:
        return "yes"
    said = "; ".join(f"{name}: {detail}" for name, detail in failed.items())
    return f"{_DEGRADED}{said}" if answer.get("status") == "degraded" else said


def _is_ready(cell: str) -> bool:
    return cell == "yes" or cell.startswith(_DEGRADED)


async def _get(url: str, headers: Mapping[bytes | str, bytes | str] | None = None) -> httpcore.Response:
    patience = dict.fromkeys(("connect", "read", "write", "pool"), READY_SECONDS)
    async with httpcore.AsyncConnectionPool() as pool:  # without proxies: this machine's own
        return await pool.request("GET", url, headers=headers, extensions={"timeout": patience})


async def _counts(server: PostgresServer, service: str) -> dict[str, Any]:
    async with connected(server, service) as connection:
        counts = dict(await connection.fetchrow(_COUNTS))
        cursors, failing = await connection.fetch(_CURSORS), await find_failing(connection)
        return counts | {"cursors": cursors, "failing": failing}


def _behind(service: str, counts: Mapping[str, Counts]) -> int:
    """Return how many events of any service this one's slowest consumer has yet to apply, to within a second."""
    cursors = counts[service]["cursors"]
    return max(
        (counts[row["source"]]["head"] - row["position"] for row in cursors if row["source"] in counts), default=0
    )


@asynccontextmanager
async def _gauges(settings: EmbeddedSettings, holder: Holder | None) -> AsyncIterator[list[Gauge]]:
    """Give all that the services show of their own on /metrics, with PostgreSQL within reach meanwhile."""
    page = None if holder is None or not holder.url else await _metrics(settings, holder.url)
    if page is not None:
        yield list(gauges_of(page))
        return
    whole = import_module("opsloop.whole")  # nothing runs, or its page is closed
    async with whole.opened(settings) as runtimes:
        yield list(gauges_of(await whole.metrics_page(runtimes)))


async def _metrics(settings: EmbeddedSettings, url: str) -> str | None:
    token = settings.metrics_token
    headers: dict[bytes | str, bytes | str] = {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token.get_secret_value()}"
    try:
        answer = await _get(f"{url}/metrics", headers)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        return None
    return answer.content.decode() if answer.status == 200 else None


def gauges_of(page: str) -> Iterable[Gauge]:
    """Return the services' own gauges of a page of metrics, by service."""
    found = [
        (service, ", ".join([family.documentation, *labels.values()]), sample.value)
        for family in text_string_to_metric_families(page)
        if family.type == "gauge" and not family.name.startswith(_OF_THE_HOUSE)
        for sample in family.samples
        for labels in [dict(sample.labels)]
        if (service := labels.pop("service", "")) in OUTLINES
    ]
    return sorted(found, key=lambda gauge: list(OUTLINES).index(gauge[0]))
