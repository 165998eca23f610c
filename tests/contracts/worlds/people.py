"""A person who was two at first, and is in a group."""

from __future__ import annotations

from opsloop_common.db import Context
from opsloop_common.testing.http import Api
from opsloop_metrics.capture.rules import Link, Message, MessageKind
from opsloop_metrics.people import service
from opsloop_metrics.people.rules import Heard
from tests.contracts.worlds.world import World


async def make(api: Api) -> dict[str, str]:
    """Make a person who was two at first, and is in a group."""
    messages = (
        Message(MessageKind.TRACK, "opened", "a1"),
        Message(
            MessageKind.IDENTIFY, "$identify", "u1", is_identified=True, links=(Link("a1", explicit=False),),
            traits_set={"plan": "pro"}, groups={"company": "c1"},
        ),
    )  # fmt: skip
    for message in messages:  # a block each, so that the first is somebody before the second comes
        async with api.db.transaction(Context("acme")) as session:
            await service.absorb(session, [Heard(message, api.clock.now(), True, "key:capture")])
    return {"user_id": "u1"}


WORLD = World("metrics", make)
