"""How far a file is, and how it is cut into rows whose cells are named. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from opsloop_common import row_files
from opsloop_common.foreign import Unreadable
from opsloop_common.row_files import BadFile as BadFile
from opsloop_common.row_files import Place as Place
from opsloop_common.row_files import Row as Row
from opsloop_common.row_files import as_utf8 as as_utf8
from opsloop_feedback.import_formats import rules as formats
from opsloop_feedback.import_formats.rules import Format
from opsloop_feedback.states.rules import Status


class Stage(StrEnum):
    """How far a file is."""

    IMPORTING = "importing"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


UNDOABLE = frozenset({Stage.DONE, Stage.CANCELLED})


class FileType(StrEnum):
    """What a file's rows are; one of JSON is kept as lines."""

    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"


TYPES = {
    "text/csv": FileType.CSV,
    "application/json": FileType.JSON,
    "application/x-ndjson": FileType.NDJSON,
    "application/jsonl": FileType.NDJSON,
    "application/ndjson": FileType.NDJSON,
    "application/x-jsonlines": FileType.NDJSON,
}
ROW_BYTES = 512 * 1024
COLUMNS = 200
MAPPED = 100
_FIELDS_OF = {"author": ("user_id", "email", "name"), "messages": ("reply", "replied_at", "replied_by", "note")}


@dataclass(frozen=True)
class Head:
    """How the rows of a file are to be read. `length` and `rows`: of what comes before the first of them."""

    columns: tuple[str, ...] = ()
    fields: tuple[str | None, ...] = ()
    delimiter: str | None = None
    length: int = 0
    rows: int = 0


def mapping_of(given: Sequence[str]) -> dict[str, str]:
    """Read `field:heading` each; raises ValueError."""
    found: dict[str, str] = {}
    for each in given:
        field, divides, column = each.partition(":")
        if not divides or not column.strip():
            raise ValueError("must be a field, a colon and the heading of a column, such as body:Feedback text")
        if not formats.is_field(field):
            raise ValueError("names no field; see the list of fields")
        if column.strip() in found or field in found.values():
            raise ValueError("must not name a field or a column twice")
        found[column.strip()] = field
    return found


def head_of(data: bytes, type: FileType, format: Format, mapping: Mapping[str, str]) -> Head:
    """Return how a file (UTF-8) is read; raises BadFile."""
    if not data.strip():
        raise BadFile("is empty")
    if type is not FileType.CSV:
        return Head()
    delimiter = row_files.delimiter_of(data, row_bytes=ROW_BYTES)
    start = data[: 2 * ROW_BYTES]
    rows, place = cut(start, Place(0, 0), delimiter, is_last=len(data) <= 2 * ROW_BYTES, limit=1)
    if not rows or rows[0].flaw is not None:
        raise BadFile("has no first row that names its columns")
    columns = tuple(str(cell).strip() for cell in rows[0].cells)
    if len(columns) > COLUMNS:
        raise BadFile(f"may have up to {COLUMNS} columns")
    if missing := [column for column in mapping if column not in columns]:
        raise BadFile(f"lacks {len(missing)} of the columns that were named")
    fields = tuple(formats.field_of(column, format, mapping) for column in columns)
    if not {"body", "title"} & set(fields):
        raise BadFile("has no column body (内容) or title (标题); name one by `column`")
    return Head(columns, _once(columns, fields, mapping), delimiter, place.at, place.rows)


def _once(columns: Sequence[str], fields: Sequence[str | None], mapping: Mapping[str, str]) -> tuple[str | None, ...]:
    """Let each field be one column: the one that was named, else the first."""
    chosen = {field: column for column, field in mapping.items()}
    kept: list[str | None] = []
    for column, field in zip(columns, fields, strict=True):
        is_first = field not in kept and chosen.get(field or "", column) == column
        kept.append(field if is_first else None)
    return tuple(kept)


def cut(piece: bytes, place: Place, delimiter: str | None, *, is_last: bool, limit: int) -> tuple[list[Row], Place]:
    """Return the next rows of a file, at most `limit`, and where to go on; `piece` begins at `place`."""
    return row_files.cut(piece, place, delimiter=delimiter, is_last=is_last, limit=limit, row_bytes=ROW_BYTES)


def named(cells: Sequence[str], head: Head) -> dict[str, str]:
    """Return the cells of a CSV's row by their fields; an empty cell says nothing. Raises Unreadable."""
    if any(cell.strip() for cell in cells[len(head.columns) :]):
        raise Unreadable("has more cells than there are columns")
    pairs = zip(head.fields, (cell.strip() for cell in cells), strict=False)
    return {name: cell for name, cell in pairs if name is not None and cell}


def column_of(pointer: str, head: Head) -> str | None:
    """Return what the file calls the column that a pointer into a row leads to; of JSON the pointer itself."""
    if not pointer or not head.columns:
        return pointer or None
    steps = pointer.split("/")[1:]
    wanted = {steps[0], ".".join(steps[:2])}
    if steps[0] == "author" and len(steps) > 1:
        wanted = {steps[1]}
    elif steps[0] in _FIELDS_OF:
        wanted = set(_FIELDS_OF[steps[0]])
    if steps[0] == "body":
        wanted.add("title")
    found = (column for column, field in zip(head.columns, head.fields, strict=True) if field in wanted)
    return next(found, None)


def before(at: datetime | None, import_at: datetime) -> datetime:
    """Return when a message of a file was said: before the file came, so that it is told from what people say since."""
    latest = import_at - timedelta(microseconds=1)
    return latest if at is None else min(at, latest)


def came_with(
    row: dict[str, Any], import_id: Any, *, status: str | None, votes: int, replied_at: datetime | None
) -> None:
    """Make a new post's row one that came with a file: where it stood there, and for how many."""
    row["import_id"] = import_id
    row["status"] = Status(status or Status.NEW).value
    row["affected_users"] = max(1, votes)
    row["voters"] = row["affected_users"] - 1
    row["first_replied_at"] = replied_at
    row["resolved_at"] = (replied_at or row["occurred_at"]) if status == Status.RESOLVED else None


def counted(statuses: Iterable[str]) -> Mapping[str, int]:
    """Return how many rows came to what."""
    found = {"created": 0, "existing": 0}
    for status in statuses:
        found[status] += 1
    return found
