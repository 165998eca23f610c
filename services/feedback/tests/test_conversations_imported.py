"""What was said before posts came to us: kept as it was, told to nobody, and apart from what is said since."""

from datetime import UTC, datetime

from opsloop_common.db import Context
from opsloop_feedback.conversations import service

THEN = datetime(2024, 1, 1, tzinfo=UTC)


async def test_old_messages_are_kept_and_not_told_and_new_ones_are_seen(desk):
    post = await desk.post()
    before = await desk.types()
    row = {
        "workspace": "acme",
        "feedback_id": post["id"],
        "kind": "reply",
        "body": "Then",
        "actor": "key:1",
        "created_at": THEN,
    }
    async with desk.api.db.transaction(Context("acme")) as session:
        await service.keep_imported(session, [])
        await service.keep_imported(session, [row, row | {"kind": "note"}])

    assert await desk.types() == before
    shown = await desk.get(f"/v1/feedback/{post['id']}")
    assert (shown["status"], shown["first_replied_at"]) == ("new", None)
    now = desk.api.clock.now()
    async with desk.api.db.transaction(Context("acme")) as session:
        assert await service.spoken_to(session, [post["id"]], since=now) == set()
    await desk.client.post(
        f"/v1/feedback/{post['id']}/messages", json={"kind": "note", "body": "Now"}, headers=desk.agent
    )
    async with desk.api.db.transaction(Context("acme")) as session:
        assert {str(id) for id in await service.spoken_to(session, [post["id"]], since=now)} == {post["id"]}
