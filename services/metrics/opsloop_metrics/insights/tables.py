"""An insight as a table of comma-separated values, for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

Cell = str | int | float | None
CSV = "text/csv; charset=utf-8"
ALSO_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
"""What a route says in `responses` that answers in CSV as well."""
BYTE_ORDER_MARK = "\ufeff"
"""By which Excel knows that a file is UTF-8; others take it for a part of the first name, so it is there where it was asked for."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def prefers_csv(accept: str | None) -> bool:
    """Say whether an Accept header names CSV, and names it before JSON."""
    kinds = [part.partition(";")[0].strip().lower() for part in (accept or "").split(",")]
    return "text/csv" in kinds and "application/json" not in kinds[: kinds.index("text/csv")]


def as_csv(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table as RFC 4180 has it. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow([_safe(name) for name in names])
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
