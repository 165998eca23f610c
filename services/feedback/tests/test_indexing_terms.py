"""What posts are found by, for who compares many of them."""

from uuid import UUID, uuid4

from opsloop_common.db import Context
from opsloop_common.testing.events import deliver
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.indexing import service as indexing


async def test_terms_are_those_of_the_workspaces_posts(desk):
    id = UUID((await desk.post(body="walrus tusk"))["id"])
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    for workspace, terms in (("acme", {id: {"walrus", "tusk"}}), ("other", {})):
        async with desk.api.db.transaction(Context(workspace, actor="test")) as session:
            found = await indexing.terms_of(session, [id, uuid4()])
        assert {one: set(of) for one, of in found.items()} == terms
