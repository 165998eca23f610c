"""Of queues it is shown what waits for a time, and not what waits for somebody's word."""

from opsloop_notifications.queues.timers import show_queues


async def test_what_is_paused_is_neither_due_nor_later(post):
    await post.person("u1")
    message = (await post.send("u1"))["u1"]["message_id"]

    async def mails():
        await show_queues(post.service.runtime)
        page = (await post.service.client.get("/metrics")).text
        return [line.rpartition(" ")[2] for line in page.splitlines() if 'waiting{queue="mails"' in line]

    assert await mails() == ["1.0", "0.0"]
    await post.call("POST", f"/v1/messages/{message}/pause")
    assert await mails() == ["0.0", "0.0"]
