"""Files of rows, CSV or JSON by lines, cut piece by piece: what somebody uploads is never held in memory as rows. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from opsloop_common.foreign import Unreadable, reading

DELIMITERS = ",;\t"


class BadFile(Exception):
    """A file that cannot be read, and why, in words."""


@dataclass(frozen=True)
class Place:
    """Where reading goes on: the byte, and how many rows came before."""

    at: int
    rows: int


@dataclass(frozen=True)
class Row:
    """One row: its number, a CSV's head being 1, and what stands in it; `flaw` where that cannot be told."""

    number: int
    cells: Sequence[str] | bytes = ()
    flaw: str | None = None


def as_utf8(data: bytes) -> bytes:
    """Return a file as UTF-8 without a mark, each line ending with one LF; raises BadFile. Chinese office programs write GB 18030."""
    encodings = ("utf-8-sig", "gb18030") if not data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-16",)
    for encoding in encodings:
        try:
            with reading():
                return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").encode()
        except Unreadable:
            continue
    raise BadFile("is neither UTF-8 nor GB 18030 text")


def delimiter_of(data: bytes, *, row_bytes: int) -> str:
    """Return what divides the cells of a CSV (UTF-8), by its first line."""
    first = data[:row_bytes].lstrip().partition(b"\n")[0]
    return max(DELIMITERS, key=first.decode(errors="replace").count)


def cut(
    piece: bytes, place: Place, *, delimiter: str | None, is_last: bool, limit: int, row_bytes: int
) -> tuple[list[Row], Place]:
    """Return the next rows of a file, at most `limit`, and where to go on; `piece` begins at `place`. Without a delimiter a row is a line.

    What may go on behind the piece is left for the next one. A row that is too long, or whose quotation mark is never closed,
    costs its first line alone.
    """
    rows: list[Row] = []
    at, number = 0, place.rows
    for cells, length in _lines(piece) if delimiter is None else _separated(piece, delimiter, row_bytes):
        is_long = length > row_bytes
        if at + length == len(piece) and not is_last and not is_long:
            break
        number += 1
        if is_long:
            rows.append(
                Row(number, flaw=f"is longer than {row_bytes} bytes, or has a quotation mark that is never closed")
            )
            at += len(piece[at:].split(b"\n", 1)[0]) + 1
            break
        at += length
        if any(cell.strip() for cell in ([cells] if isinstance(cells, bytes) else cells)):
            rows.append(Row(number, cells))
        if len(rows) == limit:
            break
    return rows, Place(place.at + min(at, len(piece)), number)


def _lines(piece: bytes) -> Iterator[tuple[Any, int]]:
    for line in piece.splitlines(keepends=True):
        yield line, len(line)


def _separated(piece: bytes, delimiter: str, row_bytes: int) -> Iterator[tuple[list[str], int]]:
    """Yield the cells of each row, and how many bytes it took: the reader asks for no line before it needs it."""
    taken = begun = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in piece.splitlines(keepends=True):
            if taken - begun > row_bytes:
                return
            taken += len(line)
            yield line.decode(errors="replace")

    rows = csv.reader(lines(), delimiter=delimiter)
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:  # a cell of more than 131,072 characters: as a row that is too long
            yield [], max(taken - begun, row_bytes) + 1
            return
        yield cells, taken - begun
        begun = taken
