"""`/v1/workspace`: settings of the workspace that the key belongs to."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import Response
from pydantic import AfterValidator, Field, WithJsonSchema

from opsloop_common import workspaces
from opsloop_common.http.deps import Db, IfMatch, set_etag
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_common.http.schemas import InModel, Locale, OutModel, Timestamp, absent
from opsloop_common.known_names import nearest
from opsloop_common.service import Service
from opsloop_common.workspaces import WeekStart

ZONE_CHARACTERS = 64
_CALLED_SO = dict.fromkeys(("Asia/Beijing", "China Standard Time", "UTC+8", "GMT+8"), "Asia/Shanghai")
"""What people call a zone that has another name."""


@cache  # read once: to list the files of all zones takes 30 ms
def _zones() -> frozenset[str]:
    # beside the zones lie `localtime` and other files of the machine's own; Factory is that nobody has set one
    return frozenset(name for name in available_timezones() if name[0].isupper() and name != "Factory")


def _known_zone(name: str) -> str:
    if name not in _zones():
        near = nearest(name, {*_zones(), *_CALLED_SO})
        meant = f"; did you mean {_CALLED_SO.get(near, near)}?" if near else ""
        raise ValueError(f"must be an IANA time zone such as Asia/Shanghai{meant}")
    return name


TimeZone = Annotated[
    str,
    AfterValidator(_known_zone),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": ZONE_CHARACTERS,
            "pattern": r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
            "examples": ["Asia/Shanghai"],
        }
    ),
]


class WorkspacePatch(InModel):
    """Settings to change, for every service; absent ones stay."""

    time_zone: TimeZone = Field(default_factory=absent)
    locale: Locale = Field(default_factory=absent)
    week_start: WeekStart = Field(default_factory=absent)


class WorkspacePatchWithApproval(WorkspacePatch):
    """Settings to change; absent ones stay. `allow_self_approval` is this service's own, the others are every service's."""

    allow_self_approval: bool = Field(default_factory=absent)


class WorkspaceOut(OutModel):
    """Settings of a workspace: the same in every service, in one version."""

    name: str
    time_zone: str
    locale: str
    week_start: WeekStart
    version: int
    created_at: Timestamp
    updated_at: Timestamp


class WorkspaceOutWithApproval(WorkspaceOut):
    """Settings of a workspace: the same in every service, in one version, and `allow_self_approval`, which is this service's own."""

    allow_self_approval: bool


async def _change(session: Db, body: WorkspacePatch, expected: IfMatch, response: Response) -> workspaces.Workspace:
    changed = await workspaces.change(session, body.model_dump(exclude_unset=True), expected=expected)
    set_etag(response, workspaces.name_of(session, changed))
    return changed


def router(service: Service) -> ApiRouter:
    """Return the routes for the workspace's settings in one service."""
    routes = ApiRouter(tags=["access"])
    read = allow(*(f"{service.name}:{level}" for level in ("read", "write")))
    admin = allow(f"{service.name}:admin")
    out = WorkspaceOutWithApproval if service.self_approval else WorkspaceOut

    @routes.get("/v1/workspace", dependencies=[read], response_model=out)
    async def get_workspace(session: Db, response: Response) -> workspaces.Workspace:
        """Show the workspace's settings; they begin with defaults."""
        found = await workspaces.get(session)
        set_etag(response, workspaces.name_of(session, found))
        return found

    if service.self_approval:

        @routes.patch("/v1/workspace", dependencies=[admin], response_model=out)
        async def update_workspace(
            body: WorkspacePatchWithApproval, session: Db, expected: IfMatch, response: Response
        ) -> workspaces.Workspace:
            """Change some of the workspace's settings; those that every service has hold everywhere within seconds."""
            return await _change(session, body, expected, response)
    else:

        @routes.patch("/v1/workspace", dependencies=[admin], response_model=out)
        async def update_workspace(
            body: WorkspacePatch, session: Db, expected: IfMatch, response: Response
        ) -> workspaces.Workspace:
            """Change some of the workspace's settings; they hold in every service within seconds."""
            return await _change(session, body, expected, response)

    return routes
