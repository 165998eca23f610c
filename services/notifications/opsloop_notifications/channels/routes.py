"""HTTP doors of channels."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.outbound.client import policy_from
from opsloop_notifications.channels import queries, service
from opsloop_notifications.channels.models import Channel
from opsloop_notifications.channels.schemas import ChannelIn, ChannelOut, ChannelPatch
from opsloop_notifications.shapes import changes_of

router = ApiRouter(tags=["channels"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")
ONE = "/v1/channels/{channel_id}"


def _shown(channel: Channel) -> ChannelOut:
    fields: dict[str, Any] = {name: getattr(channel, name) for name in ChannelOut.model_fields if name != "subject"}
    return ChannelOut.model_validate(fields | {"subject": channel.subject_address})


def _answer(response: Response, channel: Channel) -> ChannelOut:
    set_etag(response, channel.version)
    return _shown(channel)


@router.post("/v1/channels", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_channel(body: ChannelIn, session: Db, run: Run, response: Response) -> ChannelOut:
    """Add a chat, a provider of SMS, or Web Push. What is secret of it is never shown."""
    channel = await service.create_channel(
        session, body.model_dump(), policy=policy_from(run.settings), secrets=run.secrets
    )
    set_location(response, f"/v1/channels/{channel.id}")
    return _answer(response, channel)


@router.get("/v1/channels", dependencies=[READ])
async def list_channels(session: Db, who: Who, page: PageQuery) -> Listing[ChannelOut]:
    """List the channels, newest first."""
    return (await paginate(session, queries.channels_of(who.workspace), page, by=queries.NEWEST_FIRST)).map(_shown)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_channel(channel_id: UUID, session: Db, response: Response) -> ChannelOut:
    """Show one channel, without its secrets."""
    return _answer(response, await queries.get_channel(session, channel_id))


@router.patch(ONE, dependencies=[WRITE], responses=problems(404, 412))
async def update_channel(
    channel_id: UUID, body: ChannelPatch, session: Db, run: Run, response: Response, expected: IfMatch
) -> ChannelOut:
    """Change a channel. `status` disabled: it is not called, and what waits for it fails with `channel_not_configured`."""
    changes = changes_of(body)
    channel = await service.change_channel(
        session, channel_id, changes, expected=expected, policy=policy_from(run.settings), secrets=run.secrets
    )
    return _answer(response, channel)


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_channel(channel_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a channel away, with how people are reached through it."""
    await service.delete_channel(session, channel_id, expected=expected)
