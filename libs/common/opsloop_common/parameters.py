"""Parameters of hand-written SQL, from the models: names and PostgreSQL types of columns are said in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import KeyedColumnElement

AnyColumn = KeyedColumnElement[Any]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def named(columns: Iterable[AnyColumn]) -> str:
    """Return the names of columns, as INSERT and RETURNING list them."""
    return ", ".join(str(column.key) for column in columns)


def bound(columns: Iterable[AnyColumn], *, prefix: str = "") -> str:
    """Return a parameter for each column, of its type and its name behind `prefix`, as SELECT and VALUES list them."""
    return ", ".join(f"CAST(:{prefix}{column.key} AS {_type_of(column)})" for column in columns)


def unnested(alias: str, given: Mapping[str, AnyColumn], *, ordinality: str | None = None) -> str:
    """Return a FROM item whose columns are called as those given are, and come from array parameters of the names given.

    `unnested("e", {"claim_ids": inbox.c.event_id})` is `unnest(CAST(:claim_ids AS UUID[])) AS e(event_id)`; `ordinality` names a
    column more that counts the rows.
    """
    arrays = ", ".join(f"CAST(:{parameter} AS {_type_of(column)}[])" for parameter, column in given.items())
    names = named(given.values())
    if ordinality is None:
        return f"unnest({arrays}) AS {alias}({names})"
    return f"unnest({arrays}) WITH ORDINALITY AS {alias}({names}, {ordinality})"


def _type_of(column: AnyColumn) -> str:
    return str(column.type.compile(dialect=_DIALECT))
