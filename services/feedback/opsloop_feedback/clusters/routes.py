"""The HTTP doors of clusters."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.cluster_members import service as members
from opsloop_feedback.clusters import queries, service
from opsloop_feedback.clusters.models import Cluster
from opsloop_feedback.clusters.rules import Order
from opsloop_feedback.clusters.schemas import ClusterMemberOut, ClusterOut, ClusterPatch, ClusterPost, SeverityMix
from opsloop_feedback.clusters.service import Member
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["clusters"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")
EXCERPT_CHARACTERS = 200


def _shaped(cluster: Cluster) -> ClusterOut:
    own = {name: getattr(cluster, name) for name in ClusterOut.model_fields if hasattr(cluster, name)}
    return ClusterOut(**own, severities=SeverityMix.model_validate(cluster))


def _answer(response: Response, cluster: Cluster) -> ClusterOut:
    set_etag(response, cluster.version)
    return _shaped(cluster)


def _member(one: Member) -> ClusterMemberOut:
    return ClusterMemberOut(
        feedback_id=one.feedback.id,
        number=one.feedback.number,
        status=one.feedback.status,
        title=one.feedback.title,
        excerpt=one.feedback.body[:EXCERPT_CHARACTERS],
        severity=one.member.severity,
        said_at=one.member.said_at,
        is_excluded=one.member.is_excluded,
    )


@router.get("/v1/clusters", dependencies=[READ])
async def list_clusters(
    session: Db,
    who: Who,
    page: PageQuery,
    sort: Order = Order.RISING,
    is_dismissed: Annotated[bool, Query(description="Those that somebody dismissed instead of the others.")] = False,
) -> Listing[ClusterOut]:
    """List the topics that several people spoke of in the last five weeks, in Chinese or English, what rises most first.

    They are looked for every hour. A cluster keeps its id while most of its posts stay together.
    """
    wanted = queries.clusters(who.workspace, is_dismissed=is_dismissed)
    return (await paginate(session, wanted, page, by=queries.ORDERS[sort])).map(_shaped)


@router.get("/v1/clusters/{cluster_id}", dependencies=[READ], responses=problems(404))
async def get_cluster(cluster_id: UUID, session: Db, response: Response) -> ClusterOut:
    """Show a cluster; its posts are `GET /v1/feedback?cluster=` too."""
    return _answer(response, await queries.get_cluster(session, cluster_id))


@router.get("/v1/clusters/{cluster_id}/members", dependencies=[READ], responses=problems(404))
async def list_cluster_members(cluster_id: UUID, session: Db, who: Who, page: PageQuery) -> Listing[ClusterMemberOut]:
    """List the posts of a cluster, newest first, also those that somebody took out."""
    await queries.get_cluster(session, cluster_id)
    found = await paginate(session, members.members(who.workspace, cluster_id), page, by=members.NEWEST_FIRST)
    shown = await service.with_posts(session, found.items)
    return Listing(items=[_member(one) for one in shown], next_cursor=found.next_cursor)


@router.patch("/v1/clusters/{cluster_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_cluster(
    cluster_id: UUID, body: ClusterPatch, session: Db, expected: IfMatch, response: Response
) -> ClusterOut:
    """Give a cluster a name, or dismiss it; both stay while it keeps its id."""
    return _answer(response, await service.change_cluster(session, cluster_id, changes_of(body), expected=expected))


@router.post("/v1/clusters/{cluster_id}/exclude", dependencies=[WRITE], responses=problems(404))
async def exclude_from_cluster(cluster_id: UUID, body: ClusterPost, session: Db, response: Response) -> ClusterOut:
    """Take a post out of a cluster: it counts no more, and is taken into none again."""
    cluster = await service.set_excluded(session, cluster_id, body.feedback_id, is_excluded=True)
    return _answer(response, cluster)


@router.post("/v1/clusters/{cluster_id}/include", dependencies=[WRITE], responses=problems(404))
async def include_in_cluster(cluster_id: UUID, body: ClusterPost, session: Db, response: Response) -> ClusterOut:
    """Let a post that was taken out belong to its cluster again."""
    cluster = await service.set_excluded(session, cluster_id, body.feedback_id, is_excluded=False)
    return _answer(response, cluster)
