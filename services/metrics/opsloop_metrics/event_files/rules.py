"""Cuts a file into rows, a piece at a time, under bounds: wherever a piece ends, and whatever stands in it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import orjson
from pydantic import JsonValue

from opsloop_common.foreign import Unreadable as ForeignUnreadable
from opsloop_common.foreign import reading
from opsloop_common.limits import IMPORT_CELL_CHARACTERS, IMPORT_COLUMNS, IMPORT_ROW_BYTES
from opsloop_metrics.capture.rules import Message, Problem, Reason, Refused, Unreadable, storable
from opsloop_metrics.event_files import messages
from opsloop_metrics.event_files.messages import (
    MAPPED,
    SEPARATED,
    TABLES,
    TYPES,
    Columns,
    Format,
    cells_of,
    columns_of,
    is_made_up,
)

__all__ = [
    "MAPPED", "SEPARATED", "TABLES", "TYPES", "Columns", "Format", "Head", "Place", "Row",
    "columns_of", "cut", "head_of", "is_made_up", "problem_of",
    "read_row",
]  # fmt: skip
SNIFFED_BYTES = 256 * 1024
SHOWN_CHARACTERS = 1_000
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NO_UTF_8 = "is not UTF-8; it looks like {name}. Convert it first: iconv -f {name} -t UTF-8 file > file-utf8"


@dataclass(frozen=True, slots=True)
class Head:
    """What the beginning of a file says of the rest: names of a CSV's columns, what stands between cells, and its length in bytes.

    Of JSON rows there are no names; a byte order mark is passed over.
    """

    names: tuple[str, ...] = ()
    delimiter: str = ","
    length: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on: at byte `at`, after `rows` rows; `skips`: still within a row that was too long."""

    at: int = 0
    rows: int = 0
    skips: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row by its number, from 1: what it holds, or why it cannot be read and how it begins."""

    number: int
    value: dict[str, JsonValue] | None = None
    refused: Refused | None = None
    raw: JsonValue = None


def head_of(start: bytes, format: Format, columns: Columns, *, is_whole: bool) -> Head:
    """Return what a file's first bytes say; raises capture's Unreadable, naming the encoding, or what is wrong with the header."""
    _require_utf_8(start, is_whole)
    length = len(_BOM) if start.startswith(_BOM) else 0
    if format not in SEPARATED:
        return Head(length=length)
    line = start[length:].split(b"\n", 1)[0].decode(errors="replace")
    delimiter = max((",", ";", "\t"), key=line.count)
    lines = _Lines(start[length:], is_last=is_whole, skips=False)
    try:
        cells = next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error as error:
        raise Unreadable(f"the header (row 1) cannot be read: {_fault(error)}") from error
    if lines.is_long or lines.is_dry:
        raise Unreadable("the header does not end: a quote may be open")
    names = tuple(storable(name).strip() or f"column_{place}" for place, name in enumerate(cells, start=1))
    _require_names(names, columns.among(names) if format is Format.CSV else None)
    return Head(names, delimiter, length + lines.end)


def cut(
    piece: bytes, place: Place, head: Head, format: Format, columns: Columns, *, is_last: bool, limit: int
) -> tuple[list[Row], Place]:
    """Return up to `limit` rows that end within a piece from `place.at` on, and where to go on.

    A row that is longer than may be is refused and passed over; blank ones count, and are left out.
    """
    lines = _Lines(piece, is_last=is_last, skips=place.skips)
    read = _csv_rows if format in SEPARATED else _json_rows
    rows: list[Row] = []
    count, end = 0, lines.end
    for row in read(lines, place.rows, head, None if format in TABLES else columns):
        if row.value is not None or row.refused is not None:
            rows.append(row)
        count, end = count + 1, lines.end
        if count == limit:
            break
    return rows, Place(place.at + end, place.rows + count, lines.skips)


def read_row(row: Row, format: Format, columns: Columns, *, zone: tzinfo, now: datetime) -> Message | Problem:
    """Return what a row says, or why it is refused. `zone` is that of times without an offset."""
    refused = row.refused
    if refused is None:
        try:
            return messages.message_of(row.value or {}, format, columns, zone=zone, now=now)
        except Refused as error:
            refused = error
    return problem_of(row, refused)


def problem_of(row: Row, refused: Refused) -> Problem:
    """Return why a row is refused, which cell is at fault where one is, and what of the row is kept for whoever looks for it."""
    raw = row.raw if row.value is None else row.value
    return Problem(row.number, refused.reason, refused.detail, raw, column=refused.column, value=refused.value)


class _Lines:
    """The lines of a piece that are whole, as texts; one that is too long is empty. `end` is the byte behind the last one.

    `is_long` and `is_broken` say so of any line since `begin`, `is_dry` that more was asked for than there is.
    """

    def __init__(self, piece: bytes, *, is_last: bool, skips: bool) -> None:
        self._piece = piece
        self.is_last = is_last
        self.skips = False
        self.end = 0
        if skips:
            end = piece.find(b"\n") + 1
            self.skips = not end and not is_last
            self.end = end or len(piece)
        self.begin()

    def begin(self) -> None:
        self.start = self.end
        self.is_long = self.is_broken = self.is_dry = False

    @property
    def raw(self) -> str:
        """Return how what came since `begin` begins."""
        return storable(self._piece[self.start : self.end][: SHOWN_CHARACTERS * 4].decode(errors="replace"))[
            :SHOWN_CHARACTERS
        ]

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = self._piece.find(b"\n", self.end)
        end = found + 1 or len(self._piece)
        size = end - self.end
        is_whole = bool(found + 1) or self.is_last
        if size == 0 or (not is_whole and size <= IMPORT_ROW_BYTES):
            self.is_dry = True
            raise StopIteration
        line, self.end = self._piece[self.end : end], end
        if size > IMPORT_ROW_BYTES:
            self.is_long, self.skips = True, not is_whole
            return "\n"
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.is_broken = True
            return line.decode(errors="replace")

    def refusal(self) -> Refused | None:
        """Return what is wrong with the lines since `begin`, whatever they say."""
        if self.is_long:
            return Refused(Reason.TOO_LARGE, f"the row has more than {IMPORT_ROW_BYTES} bytes")
        if self.is_broken:
            return Refused(Reason.UNREADABLE, f"the row {_NO_UTF_8.format(name=_guess(self.raw_bytes))}")
        return None

    @property
    def raw_bytes(self) -> bytes:
        """Return the bytes since `begin`."""
        return self._piece[self.start : self.end]


def _json_rows(lines: _Lines, before: int, head: Head, columns: Columns | None) -> Iterator[Row]:
    number = before
    while True:
        lines.begin()
        line = next(lines, None)
        if line is None:
            return
        number += 1
        if refused := lines.refusal():
            yield Row(number, refused=refused, raw=lines.raw)
        elif not (line := line.removeprefix("\ufeff").strip()):
            yield Row(number)
        else:
            yield _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    try:
        with reading():
            value: Any = orjson.loads(line)
    except ForeignUnreadable:
        return Row(
            number, refused=Refused(Reason.UNREADABLE, "the row is not JSON"), raw=storable(line[:SHOWN_CHARACTERS])
        )
    if not isinstance(value, dict):
        return Row(number, refused=Refused(Reason.NOT_AN_OBJECT, "a row has to be an object"), raw=value)
    return Row(number, value)


def _csv_rows(lines: _Lines, before: int, head: Head, columns: Columns | None) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=head.delimiter)
    number = before
    while True:
        lines.begin()
        refused: Refused | None = None
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            refused = Refused(Reason.UNREADABLE, _fault(error))
        if lines.is_dry and not lines.is_last:
            if lines.start > 0:  # it ends in the next piece
                lines.end = lines.start
                return
            refused = Refused(Reason.TOO_LARGE, f"the row has more than {IMPORT_ROW_BYTES} bytes; a quote may be open")
        elif lines.is_dry:
            refused = Refused(Reason.UNREADABLE, "a quote is opened and never closed")
        number += 1
        yield _csv_row(number, lines.refusal() or refused, cells, lines.raw, head, columns)


def _fault(error: csv.Error) -> str:
    """Return in our words what csv says; of all its faults these two can come of what we ask it."""
    if "limit" in str(error):
        return f"a cell has more than {IMPORT_CELL_CHARACTERS} characters; a quote may be open"
    return "a carriage return stands within a cell; put the cell in quotes, and end lines as LF or CR LF"


def _csv_row(
    number: int, refused: Refused | None, cells: Sequence[str], raw: str, head: Head, columns: Columns | None
) -> Row:
    if refused is None and not any(cells):
        return Row(number)
    try:
        if refused is not None:
            raise refused
        return Row(number, cells_of(head.names, cells, columns))
    except Refused as error:
        return Row(number, refused=error, raw=raw)


def _require_names(names: Sequence[str], columns: Columns | None) -> None:
    if len(names) > IMPORT_COLUMNS:
        raise Unreadable(f"the file has {len(names)} columns; at most {IMPORT_COLUMNS} can be read")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise Unreadable(f"the column {twice[0][:200]!r} is there more than once")
    if columns is not None and (missing := columns.missing(names)):
        found = ", ".join(names[:20])[:500] or "none"
        name, parameters = missing[0]
        says = " or ".join(f"`{each}`" for each in parameters)
        raise Unreadable(
            f"there is no column {name!r}; the file has {found}. Say which column it is by the parameter {says}.",
            f"/query/{parameters[0]}",
        )


def _require_utf_8(start: bytes, is_whole: bool) -> None:
    if start.startswith(_UTF_16):
        raise Unreadable(f"the file {_NO_UTF_8.format(name='UTF-16')}")
    some = start[:SNIFFED_BYTES]
    cut_off = 0 if is_whole and len(some) == len(start) else 3  # a character may be cut through
    try:
        some.decode()
    except UnicodeDecodeError as error:
        if error.start < len(some) - cut_off:
            raise Unreadable(f"the file {_NO_UTF_8.format(name=_guess(some.removeprefix(_BOM)))}") from error


def _guess(some: bytes) -> str:
    """Return which encoding bytes that are no UTF-8 may have; the last character may be cut through."""
    for name in ("gb18030", "big5", "shift_jis"):
        for cut_off in range(4):
            try:
                some[: len(some) - cut_off].decode(name)
            except UnicodeDecodeError:
                continue
            return name.upper()
    return "WINDOWS-1252"
