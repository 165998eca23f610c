"""`/v1/workspace`: settings of the workspace that the key belongs to."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import Response
from pydantic import AfterValidator, Field

from opsloop_common import workspaces
from opsloop_common.http.deps import Db, IfMatch, set_etag
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_common.http.schemas import InModel, Locale, OutModel, Timestamp, absent
from opsloop_common.service import Service
from opsloop_common.workspaces import WeekStart

# read once: to list the files of all zones takes 30 ms
_zones = cache(available_timezones)


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("must be an IANA time zone such as Asia/Shanghai")
    return name


TimeZone = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", examples=["Asia/Shanghai"]),
    AfterValidator(_known_zone),
]


class WorkspacePatch(InModel):
    """Settings to change; absent ones stay."""

    time_zone: TimeZone = Field(default_factory=absent)
    locale: Locale = Field(default_factory=absent)
    week_start: WeekStart = Field(default_factory=absent)
    allow_self_approval: bool = Field(default_factory=absent)


class WorkspaceOut(OutModel):
    """Settings of a workspace."""

    name: str
    time_zone: str
    locale: str
    week_start: WeekStart
    allow_self_approval: bool
    version: int
    created_at: Timestamp
    updated_at: Timestamp


def router(service: Service) -> ApiRouter:
    """Return the routes for the workspace's settings in one service."""
    routes = ApiRouter(tags=["access"])
    read = allow(*(f"{service.name}:{level}" for level in ("read", "write")))

    @routes.get("/v1/workspace", dependencies=[read])
    async def get_workspace(session: Db, response: Response) -> WorkspaceOut:
        """Show the workspace's settings; they begin with defaults."""
        found = await workspaces.get(session)
        set_etag(response, found.version)
        return WorkspaceOut.model_validate(found)

    @routes.patch("/v1/workspace", dependencies=[allow(f"{service.name}:admin")])
    async def update_workspace(
        body: WorkspacePatch, session: Db, expected: IfMatch, response: Response
    ) -> WorkspaceOut:
        """Change some of the workspace's settings."""
        changed = await workspaces.change(session, body.model_dump(exclude_unset=True), expected=expected)
        set_etag(response, changed.version)
        return WorkspaceOut.model_validate(changed)

    return routes
