"""What somebody has begun to write."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World

DRAFT = {"kind": "note", "body": "还没想好怎么说"}


async def make(api: Api) -> dict[str, str]:
    """Make nothing: a draft is named by its post, and of whoever walks."""
    return {}


WORLD = World(
    "feedback",
    make,
    own={"PUT /v1/feedback/{feedback_id}/draft": DRAFT},
    bodies={"PUT /v1/feedback/{feedback_id}/draft": DRAFT},
    changes={"PUT /v1/feedback/{feedback_id}/draft": DRAFT | {"body": "so"}},
    no_changes={"PUT /v1/feedback/{feedback_id}/draft": DRAFT},
    worded={"PUT /v1/feedback/{feedback_id}/draft": DRAFT | {"body": SAID}},
)
