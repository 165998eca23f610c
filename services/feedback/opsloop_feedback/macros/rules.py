"""What a macro makes of a post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsloop_common.errors import Conflict, Invalid
from opsloop_common.invisible import comparable

ACTIONS = ("canned_reply_id", "note", "add_tags", "remove_tags", "status", "team", "assignee")
MOST_TAGS = 50
_SET = ("status", "team", "assignee")


def require_action(fields: Mapping[str, Any]) -> None:
    """Raise Invalid (422) for a macro that does nothing."""
    if not any(fields[name] for name in ACTIONS):
        raise Invalid("/canned_reply_id", f"a macro does something: one of {', '.join(ACTIONS)}")


def changes_of(macro: Mapping[str, Any], post: Mapping[str, Any]) -> dict[str, Any]:
    """Return which fields of a post a macro changes, and to what; raises Conflict (409) for more labels than a post may have."""
    changes = {name: macro[name] for name in _SET if macro[name] is not None and macro[name] != post[name]}
    tags = _tags(post["tags"], add=macro["add_tags"], remove=macro["remove_tags"])
    if len(tags) > MOST_TAGS:
        raise Conflict(f"A feedback has at most {MOST_TAGS} tags.")
    return changes | ({"tags": tags} if tags != post["tags"] else {})


def _tags(present: Sequence[str], *, add: Sequence[str], remove: Sequence[str]) -> list[str]:
    taken = {comparable(tag) for tag in remove}
    kept = [tag for tag in present if comparable(tag) not in taken]
    known = {comparable(tag) for tag in kept}
    return kept + [tag for tag in add if comparable(tag) not in known]
