"""How entries are written into a log's records, and read there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import orjson
from pydantic import TypeAdapter, ValidationError

from opsloop_metrics.capture.rules import COLUMNS, Entry

CHUNK_BYTES = 900_000
"""A record has no more, unless one entry alone does: a few records of a request are quicker than one each, and than one of 20 MB."""
VERSION = b"1\n"
"""What a record begins with, for whoever changes how they are written: those of the release before may still be in the log."""
_ENTRIES = TypeAdapter(list[Entry])
_PROPERTIES = COLUMNS.index("properties")


class NotReadable(Exception):
    """A record that holds no entries; the text says why, and quotes nothing of it."""


def written(entry: Entry) -> bytes:
    """Return an entry as a record has it. Its properties are written once: the row has them as the message's, in JSON."""
    return orjson.dumps(replace(entry, row=entry.row[:_PROPERTIES]))


def chunks(entries: Iterable[bytes]) -> Iterator[bytes]:
    """Yield written entries as records of at most `CHUNK_BYTES`, in their order; one that is larger stands alone."""
    chunk: list[bytes] = []
    size = 0
    for entry in entries:
        if chunk and size + len(entry) > CHUNK_BYTES:
            yield _record(chunk)
            chunk, size = [], 0
        chunk.append(entry)
        size += len(entry) + 1
    if chunk:
        yield _record(chunk)


def _record(chunk: Sequence[bytes]) -> bytes:
    return VERSION + b"[" + b",".join(chunk) + b"]"


def entries_of(record: bytes) -> list[Entry]:
    """Return the entries of a record; raises NotReadable for one that `chunks` did not write."""
    if not record.startswith(VERSION):
        raise NotReadable("it begins with no version that is known here")
    try:
        entries = _ENTRIES.validate_json(record[len(VERSION) :])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise NotReadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if any(len(entry.row) != _PROPERTIES for entry in entries):
        raise NotReadable(f"a row has {len(COLUMNS)} columns")
    if len({entry.workspace for entry in entries}) != 1:
        raise NotReadable("it is not of one workspace")
    return [
        replace(entry, row=(*entry.row, orjson.dumps(entry.heard.message.properties).decode())) for entry in entries
    ]
