"""How much somebody may begin."""

from __future__ import annotations

from opsloop_common.errors import TooMany

MOST_OF_A_PERSON = 200


def require_place(drafts: int) -> None:
    """Raise TooMany (409) for somebody who has begun as much as they may."""
    if drafts >= MOST_OF_A_PERSON:
        raise TooMany(f"a person has at most {MOST_OF_A_PERSON} drafts; delete or send one first")
