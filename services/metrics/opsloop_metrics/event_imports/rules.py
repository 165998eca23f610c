"""How far a file is, and what may become of it then."""

from __future__ import annotations

from enum import StrEnum


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
