"""How commands show tables: aligned for a person at a terminal, columns with tabs between for programs, or JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module

import orjson

from opsloop_common.invisible import UNSEEN, visible

# what strangers wrote might end a line or a column, or steer a terminal
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# the joiners of emoji do no harm
_UNSEEN = re.compile(rf"(?![\u200d\ufe0f])[{UNSEEN}\x7f-\x9f\u2028\u2029]")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below the names of their columns."""
    cells = [[_UNSEEN.sub(_visible, _CONTROL.sub(" ", str(cell))) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _show_aligned(columns, cells)
        return
    for line in (columns, *cells):
        sys.stdout.write("\t".join(line) + "\n")


def _show_aligned(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    # here, since a program that reads tabs needs nothing of it
    console, table, text = (import_module(f"rich.{name}") for name in ("console", "table", "text"))
    shown = table.Table(*columns, box=None, pad_edge=False)
    for row in cells:
        shown.add_row(*[text.Text(cell) for cell in row])  # as it is: what strangers wrote may look like markup
    console.Console().print(shown)


def show_document(document: object) -> None:
    """Print one JSON document on a line."""
    sys.stdout.write(json_line(document) + "\n")


def json_line(document: object) -> str:
    """Return a JSON document on a line; what nobody sees, and might steer a terminal or turn the line round, is escaped in it."""
    return _UNSEEN.sub(_escaped, orjson.dumps(document, default=str).decode())


def _visible(found: re.Match[str]) -> str:
    return visible(found[0])


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
