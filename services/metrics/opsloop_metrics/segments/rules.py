"""What a segment is, and what a refresh changes and has to tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from opsloop_common.contracts.metrics.segments import IDS_PER_EVENT
from opsloop_common.errors import Conflict, Invalid

BYTES_PER_EVENT = 400_000
"""Of the ids in one event, which may have 512 KiB."""


class SegmentKind(StrEnum):
    """How people come into a segment: by what they do and are, or by being listed."""

    DYNAMIC = "dynamic"
    STATIC = "static"


def require_fitting(kind: SegmentKind, changes: Mapping[str, Any]) -> None:
    """Refuse to give a list a definition (Conflict), and to take that of a dynamic segment away (Invalid)."""
    given = changes.get("definition")
    if kind is SegmentKind.STATIC and given is not None:
        raise Conflict("A static segment has no definition; its members are put on it and taken off.")
    if kind is SegmentKind.DYNAMIC and "definition" in changes and given is None:
        raise Invalid("/definition", "a dynamic segment has one")


@dataclass(frozen=True)
class Difference:
    """What a bucket's refresh changes. `entering` and `renamed` say what they are called by; `gone` were erased, and nobody is told."""

    entering: dict[UUID, str] = field(default_factory=dict)
    leaving: dict[UUID, str] = field(default_factory=dict)
    renamed: dict[UUID, str] = field(default_factory=dict)
    gone: frozenset[UUID] = frozenset()


def difference(held: Mapping[UUID, str], wanted: Collection[UUID], living: Mapping[UUID, str]) -> Difference:
    """Compare who is in a bucket, with what they were called by, with who is to be; `living` are those who are there at all."""
    chosen = {each for each in wanted if each in living}
    return Difference(
        entering={each: living[each] for each in sorted(chosen - held.keys())},
        leaving={each: living[each] for each in sorted(held.keys() & living.keys() - chosen)},
        renamed={each: living[each] for each in sorted(chosen & held.keys()) if held[each] != living[each]},
        gone=frozenset(held.keys() - living.keys()),
    )


def chunks(user_ids: Collection[str]) -> Iterator[list[str]]:
    """Cut ids, in their order, so that each event has at most 500 and stays below what an event may have."""
    chunk: list[str] = []
    size = 0
    for each in sorted(user_ids):
        length = len(orjson.dumps(each)) + 1
        if chunk and (len(chunk) == IDS_PER_EVENT or size + length > BYTES_PER_EVENT):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += length
    if chunk:
        yield chunk


def estimated(found: int, done: int, count: int) -> int:
    """Return how many there are in all buckets, by those that were found in some: ids are hashes, so one is like the other."""
    return round(found * count / done)
