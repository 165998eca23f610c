"""How far a file is, what may become of it then, and how its rows are told apart that say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from opsloop_metrics.capture.rules import Message
from opsloop_metrics.event_files.rules import is_made_up


class Stage(StrEnum):
    """How far a file is."""

    UPLOADING = "uploading"
    IMPORTING = "importing"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


OPEN = frozenset({Stage.UPLOADING, Stage.IMPORTING})
"""Stages in which the file itself is kept."""
UNDOABLE = frozenset({Stage.DONE, Stage.CANCELLED, Stage.UNDONE})


def key_of(read: Any) -> int | None:
    """Return 64 bits that tell a row without a name of its own from others; None for one with such a name, and for what is refused.

    Of a million rows two share their key once in 37 million files. The later one is then called a second one: it counts all the same.
    """
    if not isinstance(read, Message) or not is_made_up(read.message_id):
        return None
    return int.from_bytes(bytes.fromhex(str(read.message_id).partition(":")[2])[:8], signed=True)


def numbered(read: Sequence[Any], before: Mapping[int, int]) -> tuple[list[Any], Counter[int]]:
    """Give rows that say the same their numbers within the file, and return how many of each are new; `before`: how many came already.

    The first is called by what it says alone, so that it is the same in every file; the second `…:2`.
    """
    told, new = [], Counter[int]()
    for each in read:
        key = key_of(each)
        if key is not None:
            new[key] += 1
            number = before.get(key, 0) + new[key]
            each = each if number == 1 else replace(each, message_id=f"{each.message_id}:{number}")
        told.append(each)
    return told, new
