"""HTTP doors of topics."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.topics import queries, service
from opsloop_notifications.topics.models import Topic
from opsloop_notifications.topics.schemas import TopicIn, TopicOut, TopicPatch

router = ApiRouter(tags=["notification topics"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")
ONE = "/v1/notification-topics/{topic_id}"


def _answer(response: Response, topic: Topic) -> TopicOut:
    set_etag(response, topic.version)
    return TopicOut.model_validate(topic)


def _fields(body: TopicIn | TopicPatch, **options: Any) -> dict[str, Any]:
    fields = body.model_dump(**options)
    if body.digest is not None:  # whole, also of a patch
        fields["digest"] = body.digest.model_dump()
    if "throttle" in fields:
        throttle = fields.pop("throttle") or {"count": None, "window": None}
        fields |= {"throttle_count": throttle["count"], "throttle_window": throttle["window"]}
    return fields


@router.post("/v1/notification-topics", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_topic(body: TopicIn, session: Db, response: Response) -> TopicOut:
    """Name a topic that people may want to hear or not. Messages that name none are of `general`."""
    topic = await service.create_topic(session, _fields(body))
    set_location(response, f"/v1/notification-topics/{topic.id}")
    return _answer(response, topic)


@router.get("/v1/notification-topics", dependencies=[READ])
async def list_topics(session: Db, who: Who, page: PageQuery) -> Listing[TopicOut]:
    """List the topics, newest first."""
    found = await paginate(session, queries.topics(who.workspace), page, by=queries.NEWEST_FIRST)
    return found.map(TopicOut.model_validate)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_topic(topic_id: UUID, session: Db, response: Response) -> TopicOut:
    """Show a topic."""
    return _answer(response, await queries.get_topic(session, topic_id))


@router.patch(ONE, dependencies=[WRITE], responses=problems(404, 412))
async def update_topic(
    topic_id: UUID, body: TopicPatch, session: Db, response: Response, expected: IfMatch
) -> TopicOut:
    """Change a topic; what waits goes by it too."""
    changes = _fields(body, exclude_unset=True)
    return _answer(response, await service.change_topic(session, topic_id, changes, expected=expected))


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_topic(topic_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a topic away. What people said of its key stays, for when there is one again."""
    await service.delete_topic(session, topic_id, expected=expected)
