"""The HTTP doors of chats: for visitors by a token of their one chat, for the desk by key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Header, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from opsloop_common.access.addresses import bearer_token
from opsloop_common.access.principal import Kind, Principal
from opsloop_common.errors import NotFound
from opsloop_common.foreign import readable
from opsloop_common.http.call import Call
from opsloop_common.http.deps import Asked, Db, Run, Who
from opsloop_common.http.lasting import accepts_stream
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, own_idempotency, problems, public, publishable, users
from opsloop_feedback.chats import queries, rules, service
from opsloop_feedback.chats.models import Chat
from opsloop_feedback.chats.rules import Visit
from opsloop_feedback.chats.schemas import (
    ChatBegunOut,
    ChatIn,
    ChatMessageIn,
    ChatMessageOut,
    ChatOut,
    ChatShownOut,
    ChatStateOut,
    ChatTokenOut,
    ContactIn,
    PresenceIn,
)
from opsloop_feedback.chats.streaming import Place, chat_stream
from opsloop_feedback.sorters import service as sorters
from opsloop_feedback.sorting.rules import Sorter
from opsloop_feedback.submissions import rules as submissions
from opsloop_feedback.submissions.rules import Submission

router = ApiRouter(tags=["chats"])
visits = ApiRouter(include_in_schema=False)
"""What a visitor's page asks, by a token that no key stands for: as of pages, no part of the API's contract."""
VISITOR = [public(), publishable()]  # the second has browsers asked beforehand; what lets in is the token of the chat
ONE = "/v1/chats/{chat_id}"


@router.post(
    "/v1/chats",
    status_code=201,
    dependencies=[allow("feedback:submit", "feedback:write"), publishable(), users(), own_idempotency()],
    responses=problems(409),
)
async def begin_chat(body: ChatIn, call: Asked, response: Response) -> ChatBegunOut:
    """Begin a conversation with whoever is there: a feedback of the channel `widget`, and a token that opens it alone for an hour."""
    who, run = call.who, call.runtime
    said = Submission(
        body=body.body,
        source=who.source,
        channel="widget",
        author_user_id=who.user_id,
        author_name=body.name,
        author_verified=submissions.is_believed(who),
        locale=body.locale,
        attributes={"chat": True} | ({"page": body.page} if body.page else {}),
    )
    sorter = sorters.find_sorter(run.db, who.workspace) or await _read_sorter(call)
    session = await call.begin()
    chat, number = await service.begin_chat(session, said, team_id=body.team_id, sorter=sorter)
    token, expires_at = service.token_for(session, chat, box=run.secrets)
    response.headers["Location"] = f"/v1/feedback/{chat.feedback_id}"
    state = ChatStateOut.model_validate(await service.state_of(session, chat))
    return ChatBegunOut(chat_id=chat.feedback_id, number=number, token=token, expires_at=expires_at, state=state)


async def _read_sorter(call: Call) -> Sorter:
    await call.enter()
    sorter = await sorters.read_sorter(call.runtime.db, call.context)
    call.leave()
    return sorter


@router.get("/v1/chats", dependencies=[allow("feedback:read")])
async def list_chats(session: Db, who: Who, run: Run, page: PageQuery, is_open: bool = False) -> Listing[ChatOut]:
    """List chats, newest first; with `is_open` those that their visitors have not left."""
    wanted = queries.open_chats(who.workspace) if is_open else queries.chats(who.workspace)
    now = run.clock.now()
    rows = await paginate(session, wanted, page, by=queries.NEWEST_FIRST)
    return rows.map(lambda chat: _listed(chat, now))


def _listed(chat: Chat, now: datetime) -> ChatOut:
    is_typing = rules.is_typing(chat.visitor_typed_at, now)
    known = {name: getattr(chat, name, is_typing) for name in ChatOut.model_fields}
    return ChatOut.model_validate(known)


@router.post(
    "/v1/feedback/{feedback_id}/typing",
    status_code=204,
    dependencies=[allow("feedback:write")],
    responses=problems(404),
)
async def type_as_staff(feedback_id: UUID, session: Db) -> None:
    """Show the visitor at the other end, if there is one, that somebody types; it is forgotten after some seconds."""
    await service.type_as_staff(session, feedback_id)


async def _enter(call: Call, request: Request, chat_id: UUID) -> tuple[AsyncSession, Visit]:
    """Let in whoever has a chat's token; raises Unauthorized (401), NotFound (404) for another chat's, TooManyRequests (429)."""
    call.origin = request.headers.get("origin")  # the token is all that lets in, so any page may see the answer
    visit = _visit(call, request)
    if visit.feedback_id != chat_id:
        raise NotFound.of("chat")
    call.principal = Principal(visit.workspace, "visitor", frozenset(), f"chat:{chat_id.hex}", "visitors", Kind.VISITOR)
    call.rate = call.shell.limiter.take(call.principal)
    await call.enter()
    return call.session(), visit


def _visit(call: Call, request: Request) -> Visit:
    run = call.runtime
    return service.read_token(bearer_token(request.headers.get("authorization")), box=run.secrets, now=run.clock.now())


@visits.get(ONE, dependencies=VISITOR)
async def get_chat(chat_id: UUID, call: Asked, request: Request) -> ChatShownOut:
    """Show a visitor their chat: what was said, and how it stands. The token is that of the chat."""
    session, _ = await _enter(call, request, chat_id)
    chat = await queries.get_chat(session, chat_id)
    said = [ChatMessageOut.model_validate(one) for one in await service.said_in(session, chat_id)]
    return ChatShownOut(messages=said, state=ChatStateOut.model_validate(await service.state_of(session, chat)))


@visits.post(f"{ONE}/messages", status_code=201, dependencies=VISITOR)
async def say_in_chat(chat_id: UUID, body: ChatMessageIn, call: Asked, request: Request) -> ChatMessageOut:
    """Say something more, once by its `key`."""
    session, _ = await _enter(call, request, chat_id)
    return ChatMessageOut.model_validate(await service.say(session, chat_id, body=body.body, key=body.key))


@visits.post(f"{ONE}/presence", dependencies=VISITOR)
async def be_in_chat(chat_id: UUID, body: PresenceIn, call: Asked, request: Request) -> ChatTokenOut:
    """Say that one is there, types or leaves; answers with a token for the next hour."""
    session, _ = await _enter(call, request, chat_id)
    chat = await service.be_there(session, chat_id, is_typing=body.is_typing, is_leaving=body.is_leaving)
    token, expires_at = service.token_for(session, chat, box=call.runtime.secrets)
    return ChatTokenOut(token=token, expires_at=expires_at)


@visits.post(f"{ONE}/contact", dependencies=VISITOR)
async def hand_chat_over(chat_id: UUID, body: ContactIn, call: Asked, request: Request) -> ChatStateOut:
    """Ask to be answered by mail when one is gone. Nobody has verified the address."""
    session, _ = await _enter(call, request, chat_id)
    chat = await service.hand_over(session, chat_id, email=body.email)
    return ChatStateOut.model_validate(await service.state_of(session, chat))


@visits.get(
    f"{ONE}/stream",
    dependencies=VISITOR,
    response_class=Response,
)
async def stream_chat(
    chat_id: UUID,
    call: Asked,
    request: Request,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> Response:
    """Watch a chat: what is said, and how it stands, as Server-Sent Events. It ends after ten minutes, to be asked for again."""
    session, visit = await _enter(call, request, chat_id)
    await queries.get_chat(session, chat_id)

    async def may_go_on() -> bool:
        return call.runtime.clock.now() < visit.until

    after = readable(UUID, last_event_id) if last_event_id else None
    return chat_stream(
        call.runtime.db, call.context, chat_id, Place(after), is_live=accepts_stream(request), may_go_on=may_go_on
    )


@visits.get(f"{ONE}/transcript", dependencies=VISITOR, response_class=Response)
async def get_chat_transcript(chat_id: UUID, call: Asked, request: Request) -> Response:
    """Return what was said as a text to keep, in UTC."""
    session, _ = await _enter(call, request, chat_id)
    await queries.get_chat(session, chat_id)
    said = await service.said_in(session, chat_id)
    lines = [f"[{one.created_at:%Y-%m-%d %H:%M} UTC] {rules.SPEAKERS[one.said_by]}\n{one.body}\n" for one in said]
    headers = {"Content-Disposition": f'attachment; filename="chat-{chat_id}.txt"'}
    return Response("\n".join(lines), media_type="text/plain; charset=utf-8", headers=headers)
