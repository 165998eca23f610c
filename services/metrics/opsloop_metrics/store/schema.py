"""The tables of the event store: numbered files of SQL, each applied once and in order, like Alembic's for PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import orjson

Run = Callable[[str], bytes]

_VERSIONS = (
    "CREATE TABLE IF NOT EXISTS opsloop.migration (name String, applied_at DateTime DEFAULT now()) "
    "ENGINE = MergeTree ORDER BY name"
)


def migrations() -> list[tuple[str, list[str]]]:
    """Return each migration's name and statements, in order."""
    found = (
        each for each in files("opsloop_metrics.store").joinpath("migrations").iterdir() if each.name.endswith(".sql")
    )
    return [
        (each.name.removesuffix(".sql"), _statements(each.read_text()))
        for each in sorted(found, key=lambda file: file.name)
    ]


def migrate(run: Run) -> list[str]:
    """Apply what is missing and return its names. Each statement may be run again: a crash leaves a migration half done."""
    run("CREATE DATABASE IF NOT EXISTS opsloop")
    run(_VERSIONS)
    applied = {row[0] for row in orjson.loads(run("SELECT name FROM opsloop.migration"))["data"]}
    missing = [(name, statements) for name, statements in migrations() if name not in applied]
    for name, statements in missing:
        for statement in statements:
            run(statement)
        run(f"INSERT INTO opsloop.migration (name) VALUES ('{name}')")
    return [name for name, _ in missing]


def _statements(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]
