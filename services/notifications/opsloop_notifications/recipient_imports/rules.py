"""How far a file is, and how it is cut into rows whose cells are named. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from opsloop_common import row_files
from opsloop_common.foreign import Unreadable
from opsloop_common.row_files import BadFile as BadFile
from opsloop_common.row_files import Place as Place
from opsloop_common.row_files import Row as Row
from opsloop_common.row_files import as_utf8 as as_utf8


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


def field_of(heading: str) -> str | None:
    """Return which field a column is, by its heading; None: nothing of ours."""
    return _FIELD_OF.get(heading.strip().casefold().replace(" ", "_"))


def head_of(data: bytes, format: Format) -> Head:
    """Return how a file (UTF-8) is read; raises BadFile."""
    if not data.strip():
        raise BadFile("is empty")
    if format is Format.NDJSON:
        return Head()
    delimiter = row_files.delimiter_of(data, row_bytes=ROW_BYTES)
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
    """Return the next rows of a file, at most `limit`, and where to go on; `piece` begins at `place`."""
    divides = delimiter if format is Format.CSV else None
    return row_files.cut(piece, place, delimiter=divides, is_last=is_last, limit=limit, row_bytes=ROW_BYTES)


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
