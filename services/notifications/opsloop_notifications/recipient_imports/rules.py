"""How far a file is, and how it is cut into rows whose cells are named. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from opsloop_common.foreign import Unreadable, reading


class Stage(StrEnum):
    """How far a file is."""

    IMPORTING = "importing"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


UNDOABLE = frozenset({Stage.DONE, Stage.CANCELLED})


class Format(StrEnum):
    """What a file's rows are."""

    CSV = "csv"
    NDJSON = "ndjson"


TYPES = {
    "text/csv": Format.CSV,
    "application/x-ndjson": Format.NDJSON,
    "application/jsonl": Format.NDJSON,
    "application/ndjson": Format.NDJSON,
    "application/x-jsonlines": Format.NDJSON,
}
ROW_BYTES = 64 * 1024
COLUMNS = 100
HEADINGS = {
    "user_id": ("user_id", "userid", "user", "id", "uid", "用户", "用户id", "用户编号", "用户标识"),
    "email": ("email", "e-mail", "mail", "email_address", "邮箱", "邮箱地址", "电子邮箱", "电子邮件", "邮件"),
    "locale": ("locale", "language", "lang", "语言"),
    "name": ("name", "full_name", "姓名", "名字", "名称", "称呼"),
    "time_zone": ("time_zone", "timezone", "tz", "时区"),
    "topics": ("topics", "topic", "主题", "订阅主题", "订阅"),
    "consent_source": ("consent_source", "同意来源", "授权来源"),
    "consent_at": ("consent_at", "consent_time", "同意时间", "授权时间"),
}
"""Of each field the headings by which a column is known, whatever their case."""
_FIELD_OF = {heading: name for name, headings in HEADINGS.items() for heading in headings}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TOPICS = re.compile(r"[;,|；，、\s]+")


class BadFile(Exception):
    """A file that cannot be read, and why, in words."""


@dataclass(frozen=True)
class Head:
    """How the rows of a file are to be read. `length` and `rows`: of what comes before the first of them."""

    columns: tuple[str, ...] = ()
    delimiter: str = ","
    length: int = 0
    rows: int = 0

    @property
    def fields(self) -> tuple[str | None, ...]:
        """Return which field each column is; None: nothing of ours."""
        return tuple(field_of(column) for column in self.columns)


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


def field_of(heading: str) -> str | None:
    """Return which field a column is, by its heading; None: nothing of ours."""
    return _FIELD_OF.get(heading.strip().casefold().replace(" ", "_"))


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


def head_of(data: bytes, format: Format) -> Head:
    """Return how a file (UTF-8) is read; raises BadFile."""
    if not data.strip():
        raise BadFile("is empty")
    if format is Format.NDJSON:
        return Head()
    first = data[:ROW_BYTES].lstrip().partition(b"\n")[0]
    delimiter = max(",;\t", key=first.decode(errors="replace").count)
    rows, place = cut(
        data[: 2 * ROW_BYTES], Place(0, 0), Format.CSV, delimiter, is_last=len(data) <= 2 * ROW_BYTES, limit=1
    )
    if not rows or rows[0].flaw is not None:
        raise BadFile("has no first row that names its columns")
    columns = tuple(str(cell).strip() for cell in rows[0].cells)
    if len(columns) > COLUMNS:
        raise BadFile(f"may have up to {COLUMNS} columns")
    found = [name for column in columns if (name := field_of(column))]
    if "user_id" not in found:
        raise BadFile("has no column user_id (用户)")
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise BadFile(f"has two columns for {twice[0]}")
    return Head(columns, delimiter, place.at, place.rows)


def cut(
    piece: bytes, place: Place, format: Format, delimiter: str, *, is_last: bool, limit: int
) -> tuple[list[Row], Place]:
    """Return the next rows of a file, at most `limit`, and where to go on; `piece` begins at `place`.

    What may go on behind the piece is left for the next one. A row that is too long, or whose quotation mark is never closed,
    costs its first line alone.
    """
    if format is Format.NDJSON:
        found: Iterator[tuple[Any, int]] = ((line, len(line)) for line in piece.splitlines(keepends=True))
    else:
        found = _separated(piece, delimiter)
    rows: list[Row] = []
    at, number = 0, place.rows
    for cells, length in found:
        is_long = length > ROW_BYTES
        if at + length == len(piece) and not is_last and not is_long:
            break
        number += 1
        if is_long:
            rows.append(
                Row(number, flaw=f"is longer than {ROW_BYTES} bytes, or has a quotation mark that is never closed")
            )
            at += len(piece[at:].split(b"\n", 1)[0]) + 1
            break
        at += length
        if any(cell.strip() for cell in ([cells] if isinstance(cells, bytes) else cells)):
            rows.append(Row(number, cells))
        if len(rows) == limit:
            break
    return rows, Place(place.at + min(at, len(piece)), number)


def _separated(piece: bytes, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Yield the cells of each row, and how many bytes it took: the reader asks for no line before it needs it."""
    taken = begun = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in piece.splitlines(keepends=True):
            if taken - begun > ROW_BYTES:
                return
            taken += len(line)
            # csv raises for a cell of twice as many characters; what is longer is refused anyway
            yield line[:ROW_BYTES].decode(errors="replace")

    try:
        for cells in csv.reader(lines(), delimiter=delimiter):
            yield cells, taken - begun
            begun = taken
    except csv.Error:
        yield [], ROW_BYTES + 1


def named(cells: Sequence[str], head: Head) -> dict[str, Any]:
    """Return what a CSV's row says, by the fields of a batch's; an empty cell says nothing. Raises Unreadable."""
    if any(cell.strip() for cell in cells[len(head.columns) :]):
        raise Unreadable("has more cells than there are columns")
    pairs = zip(head.fields, (cell.strip() for cell in cells), strict=False)
    said: dict[str, Any] = {name: cell for name, cell in pairs if name is not None and cell}
    consent = {
        name.removeprefix("consent_"): said.pop(name) for name in ("consent_source", "consent_at") if name in said
    }
    if consent:
        at = consent.get("at", "")
        said["consent"] = consent | ({"at": f"{at}T00:00:00Z"} if _DAY.fullmatch(at) else {})
    if "topics" in said:
        said["topics"] = _topics(said["topics"])
    return said


def _topics(cell: str) -> dict[str, bool]:
    """Read `news; -offers`: the second is not wanted."""
    keys = [key for key in _TOPICS.split(cell) if key]
    return {key.removeprefix("-"): not key.startswith("-") for key in keys}


def column_of(pointer: str, head: Head) -> str | None:
    """Return what the file calls the column that a pointer into a row leads to; of NDJSON the pointer itself."""
    if not pointer or not head.columns:
        return pointer or None
    steps = pointer.split("/")[1:]
    name = "_".join(steps[:2]) if steps[0] == "consent" else steps[0]
    return next((column for column, field in zip(head.columns, head.fields, strict=True) if field == name), None)


def counted(statuses: Iterable[str]) -> Mapping[str, int]:
    """Return how many rows came to what."""
    found = {"created": 0, "updated": 0, "existing": 0}
    for status in statuses:
        found[status] += 1
    return found
