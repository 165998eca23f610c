"""Feedback posts a second, beside the bare route, at 1, 8 and 32 connections."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import Result, closed_loop
from bench.report import Line, median
from bench.world import Databases, wait_for_port
from tests.harness import OPERATOR_KEY, Process, environment, free_port

TEXTS = [
    "支付失败，而且重复扣款两次",
    "The app crashes when I open the report",
    "希望支持导出报表为 Excel",
    "Great release, thank you",
]
GOAL = 0.5


def body(number: int) -> bytes:
    """Return one post of about 150 bytes."""
    return json.dumps(
        {"body": f"{TEXTS[number % 4]} #{number}", "channel": "api", "author": {"user_id": f"u{number % 100}"}}
    ).encode()


@contextmanager
def _bare(url: str, folder: Path) -> Iterator[str]:
    port = free_port()
    process = Process("bare", [sys.executable, "-m", "bench.bare", url, str(port)], environment(), folder / "bare.log")
    with _running(process, port):
        yield f"http://127.0.0.1:{port}/v1/feedback"


@contextmanager
def _ours(url: str, folder: Path) -> Iterator[str]:
    port = free_port()
    variables = environment(
        OPSLOOP_BUS="kafka",
        OPSLOOP_KAFKA_BOOTSTRAP="127.0.0.1:1",  # the API role needs no broker: events wait in the outbox
        FEEDBACK_DATABASE_URL=url,
        OPSLOOP_PORT=str(port),
        OPSLOOP_LOG_LEVEL="warning",
        OPSLOOP_RATE_LIMIT_PER_SECOND="1000000",
        OPSLOOP_RATE_LIMIT_BURST="1000000",
    )
    command = [sys.executable, "-m", "opsloop_feedback", "serve", "--role", "api"]
    with _running(Process("feedback", command, variables, folder / "feedback.log"), port):
        yield f"http://127.0.0.1:{port}/v1/feedback"


@contextmanager
def _running(process: Process, port: int) -> Iterator[None]:
    process.start()
    try:
        wait_for_port(port, process)
        yield
    finally:
        process.terminate()


async def measure(databases: Databases, folder: Path, *, seconds: float, rounds: int) -> list[Line]:
    """Alternate the two routes, round by round, and compare their medians."""
    lines = []
    signed = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    with (
        _bare(await databases.migrated("feedback", "bare"), folder) as bare,
        _ours(await databases.migrated("feedback", "ours"), folder) as ours,
    ):
        for clients in (1, 8, 32):
            results: dict[str, list[Result]] = {bare: [], ours: []}
            for _ in range(rounds):
                for url, headers in ((bare, {}), (ours, signed)):
                    results[url].append(await closed_loop(url, body, headers=headers, clients=clients, seconds=seconds))
            ratio = median([o.rate / b.rate for o, b in zip(results[ours], results[bare], strict=True)])
            lines.append(
                Line(
                    section="intake",
                    what=f"POST /v1/feedback, {clients} connection{'s' if clients > 1 else ''}",
                    ours=_figure(results[ours]),
                    baseline=f"bare route {_figure(results[bare])}",
                    ratio=ratio,
                    goal=f"≥ {GOAL} of the bare route",
                    met=ratio >= GOAL,
                )
            )
            assert sum(result.errors for result in results[ours]) == 0, "our route answered errors"
    return lines


def _figure(results: list[Result]) -> str:
    rate, p50, p99 = (median([getattr(result, name) for result in results]) for name in ("rate", "p50", "p99"))
    return f"{rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
