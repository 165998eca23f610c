"""HTTP doors of messages to people."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db, set_location
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.composing import service
from opsloop_notifications.composing.schemas import MessageIn, TemplateTestIn
from opsloop_notifications.composing.service import Wanted
from opsloop_notifications.messages import service as messages
from opsloop_notifications.shapes import MessageOut, as_kept, message_out

router = ApiRouter(tags=["messages"])
WRITE = allow("notifications:write")


@router.post("/v1/messages", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_message(body: MessageIn, session: Db, response: Response) -> MessageOut:
    """Say something to up to 1,000 people, in their languages, by mail, inbox or channels. A value that is lacking is a 422."""
    wanted = Wanted(body.data, body.template, body.version, as_kept(body.contents or ()), body.topic, body.digest_key)
    message_id = await service.send_message(session, wanted, body.user_ids, body.channels)
    set_location(response, f"/v1/messages/{message_id}")
    return await _shown(session, message_id)


@router.post("/v1/templates/{key}/test", status_code=201, dependencies=[WRITE], responses=problems(404))
async def test_template(key: str, body: TemplateTestIn, session: Db, response: Response) -> MessageOut:
    """Send a template as a test, to somebody who was put among the recipients by hand; to no other address."""
    message_id = await service.send_test(
        session, key, body.user_id, body.channels, version=body.version, data=body.data
    )
    set_location(response, f"/v1/messages/{message_id}")
    return await _shown(session, message_id)


async def _shown(session: AsyncSession, message_id: UUID) -> MessageOut:
    message = await messages.get_message(session, message_id)
    return message_out(message, (await messages.counts(session, [message_id]))[message_id])
