"""How a statement is shown in a trace."""

from __future__ import annotations

import re
from functools import lru_cache

from opsloop_common import limits

_NAME_CHARACTERS = 255  # as the semantic conventions of OpenTelemetry have it
_VERBS = re.compile(r'\b(INSERT INTO|UPDATE|DELETE FROM|FROM|JOIN)\s+"?([a-z_][a-z0-9_]*)"?')
_FIRST = re.compile(r"[A-Za-z]+")
_SHORT = {"INSERT INTO": "INSERT", "DELETE FROM": "DELETE", "UPDATE": "UPDATE"}


def shown(sql: str) -> str:
    """Return a statement's text, cut where it is longer than anybody reads."""
    return sql if len(sql) <= limits.TRACE_STATEMENT_CHARACTERS else sql[: limits.TRACE_STATEMENT_CHARACTERS] + "…"


@lru_cache(maxsize=1_000)
def summary(sql: str) -> str:
    """Return what a statement does to which tables: `INSERT feedback INSERT outbox`, `SELECT webhook`, `COMMIT`."""
    found = [(verb, table) for verb, table in _VERBS.findall(sql) if table not in ("set", "unnest")]
    changes = [f"{_SHORT[verb]} {table}" for verb, table in found if verb in _SHORT]
    reads = [f"SELECT {table}" for verb, table in found if verb not in _SHORT]
    parts = dict.fromkeys(changes or reads[:1])
    if parts:
        return " ".join(parts)[:_NAME_CHARACTERS]
    first = _FIRST.search(sql)
    return first[0].upper() if first else "statement"
