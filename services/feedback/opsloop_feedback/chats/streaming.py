"""Watch a chat: Server-Sent Events, without loss from where the visitor was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple
from uuid import UUID

from opsloop_common import limits
from opsloop_common.db import Context, Database
from opsloop_common.http.lasting import EventStream, Told, Watched
from opsloop_feedback.chats import queries, service
from opsloop_feedback.chats.meters import ChatStreams
from opsloop_feedback.chats.schemas import ChatMessageOut, ChatStateOut
from opsloop_feedback.conversations import rules as conversation_rules


class Place(NamedTuple):
    """Past which message a visitor is, and how they know that the chat stands."""

    after: UUID | None
    state: str | None = None


def chat_stream(
    database: Database,
    context: Context,
    feedback_id: UUID,
    place: Place,
    *,
    is_live: bool,
    may_go_on: Callable[[], Awaitable[bool]],
) -> EventStream[Place]:
    """Return the answer that tells of a chat from a place on."""
    streams = database.meters.of(ChatStreams)

    async def since(place: Place) -> Told[Place]:
        return await streams.read((feedback_id, place), partial(_changes, database, context, feedback_id, place))

    return EventStream(
        database.wakeups,
        conversation_rules.wakeup(feedback_id),
        Watched(place, is_live, since, may_go_on),
        lasting=streams,
        most=limits.CHAT_STREAMS,
        bounds=[
            ((context.workspace, feedback_id), limits.CHAT_STREAMS_PER_CHAT),
            (context.workspace, limits.CHAT_STREAMS_PER_WORKSPACE),
        ],
    )


async def _changes(database: Database, context: Context, feedback_id: UUID, place: Place) -> Told[Place]:
    async with database.reading(context) as session:
        chat = await queries.find_chat(session, feedback_id)
        if chat is None:  # its feedback is gone
            return Told(b"", place)
        said = await service.said_in(session, feedback_id, after=place.after)
        state = ChatStateOut.model_validate(await service.state_of(session, chat)).model_dump_json()
    pieces = [
        f"id: {one.id}\nevent: message\ndata: {ChatMessageOut.model_validate(one).model_dump_json()}\n\n"
        for one in said
    ]
    if state != place.state:
        pieces.append(f"event: state\ndata: {state}\n\n")
    return Told("".join(pieces).encode(), Place(said[-1].id if said else place.after, state))
