"""What a bulk change makes of one post, and what undoing it puts back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from opsloop_common.errors import Conflict, IllegalTransition, Invalid
from opsloop_feedback.macros import rules as macros
from opsloop_feedback.states.rules import Status, require_transition

FIELDS = ("status", "assignee", "team", "severity", "area", "kind", "tags")
_SET = FIELDS[:-1]
_TAGS = {"status": None, "team": None, "assignee": None}


class Stage(StrEnum):
    """How far a bulk change is."""

    CHANGING = "changing"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


UNFINISHED = frozenset({Stage.CHANGING, Stage.UNDOING})
UNDOABLE = frozenset({Stage.CHANGED, Stage.CANCELLED})


class BulkOutcome(StrEnum):
    """What became of a post: a change may be undone, wholly, in part, or not at all where somebody changed all of it since."""

    CHANGED = "changed"
    REFUSED = "refused"
    UNDONE = "undone"
    PARTLY_UNDONE = "partly_undone"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Decision:
    """Which fields of a post change, and to what; or why none does: `status` or `tags`."""

    changes: dict[str, Any]
    refusal: str | None = None


def require_change(changes: Mapping[str, Any]) -> None:
    """Raise Invalid (422) for a change of nothing."""
    if not any(changes[name] or name in _SET for name in changes):
        raise Invalid("/changes", f"must change something: {', '.join((*_SET, 'add_tags', 'remove_tags'))}")


def decide(changes: Mapping[str, Any], post: Mapping[str, Any]) -> Decision:
    """Return what a bulk change makes of a post: all of it, or nothing where a part may not be."""
    found = {name: changes[name] for name in _SET if name in changes and changes[name] != post[name]}
    try:
        if "status" in found:
            require_transition(Status(post["status"]), Status(found["status"]))
    except IllegalTransition:
        return Decision({}, "status")
    tags = {"add_tags": changes.get("add_tags", ()), "remove_tags": changes.get("remove_tags", ())}
    try:
        return Decision(found | macros.changes_of(_TAGS | tags, {"tags": post["tags"]}))
    except Conflict:
        return Decision({}, "tags")


@dataclass(frozen=True)
class Restored:
    """What undoing puts back, and which fields it leaves as somebody has made them since."""

    changes: dict[str, Any]
    kept: list[str]

    @property
    def outcome(self) -> BulkOutcome:
        """Return what becomes of the post."""
        if not self.changes:
            return BulkOutcome.SKIPPED
        return BulkOutcome.PARTLY_UNDONE if self.kept else BulkOutcome.UNDONE


def restored(before: Mapping[str, Any], after: Mapping[str, Any], post: Mapping[str, Any]) -> Restored:
    """Return what undoing makes of a post: each field that is still as the bulk change left it becomes what it was."""
    kept = [name for name in before if post[name] != after[name] or post["status"] == Status.MERGED]
    return Restored({name: value for name, value in before.items() if name not in kept}, kept)


def anything(current: Status, wanted: Status) -> None:
    """Let any status follow: undoing goes back to where a post was, also to `new`."""
