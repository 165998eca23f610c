"""HTTP doors of templates."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, also_reads, problems
from opsloop_notifications.templates import queries, service
from opsloop_notifications.templates.models import Template
from opsloop_notifications.templates.schemas import (
    PreviewedOut,
    PublishIn,
    TemplateIn,
    TemplateOut,
    TemplatePatch,
    TemplatePreviewIn,
    TemplatePreviewOut,
    VersionOut,
)

router = ApiRouter(tags=["templates"])
Previewed = Annotated[TemplatePreviewIn, Body(default_factory=TemplatePreviewIn)]
READ = allow("notifications:read")
WRITE = allow("notifications:write")
ONE = "/v1/templates/{key}"


def _answer(response: Response, template: Template) -> TemplateOut:
    set_etag(response, template.version)
    return TemplateOut.model_validate(template)


@router.post("/v1/templates", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_template(body: TemplateIn, session: Db, response: Response) -> TemplateOut:
    """Keep words for messages, in several languages and channels. Nothing is sent with it until a version is published."""
    template = await service.create_template(session, body.model_dump())
    set_location(response, f"/v1/templates/{template.key}")
    return _answer(response, template)


@router.get("/v1/templates", dependencies=[READ])
async def list_templates(session: Db, who: Who, page: PageQuery) -> Listing[TemplateOut]:
    """List the templates, newest first."""
    rows = await paginate(session, queries.templates_of(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(TemplateOut.model_validate)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_template(key: str, session: Db, response: Response) -> TemplateOut:
    """Show a template as it was written last."""
    return _answer(response, await queries.get_template(session, key))


@router.patch(ONE, dependencies=[WRITE], responses=problems(404, 409, 412))
async def update_template(
    key: str, body: TemplatePatch, session: Db, expected: IfMatch, response: Response
) -> TemplateOut:
    """Change a template. Other contents become its next version, which is sent once it is published."""
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    if "contents" in changes:
        changes["contents"] = body.model_dump()["contents"]  # whole: what is left out in there is null
    return _answer(response, await service.change_template(session, key, changes, expected=expected))


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_template(key: str, session: Db, expected: IfMatch) -> None:
    """Throw a template and all its versions away. What was sent with it stays as it was."""
    await service.delete_template(session, key, expected=expected)


@router.get(f"{ONE}/versions", dependencies=[READ], responses=problems(404))
async def list_template_versions(key: str, session: Db, page: PageQuery) -> Listing[VersionOut]:
    """List what a template has said so far, the latest first."""
    template = await queries.get_template(session, key)
    rows = await paginate(session, queries.versions_of(template), page, by=queries.LATEST_FIRST)
    return rows.map(VersionOut.model_validate)


@router.get(f"{ONE}/versions/{{number}}", dependencies=[READ], responses=problems(404))
async def get_template_version(key: str, number: int, session: Db, response: Response) -> VersionOut:
    """Show one version of a template; it never changes."""
    template = await queries.get_template(session, key)
    version = await queries.get_version(session, template.id, number)
    set_etag(response, version.number)
    return VersionOut.model_validate(version)


@router.post(f"{ONE}/publish", dependencies=[WRITE], responses=problems(404, 412))
async def publish_template(
    key: str, session: Db, expected: IfMatch, response: Response, body: PublishIn | None = None
) -> TemplateOut:
    """Send one version from now on: the latest, or the one named. To go back to an earlier one, publish that."""
    number = None if body is None else body.version
    return _answer(response, await service.publish_template(session, key, number, expected=expected))


@router.post(f"{ONE}/preview", dependencies=[WRITE, also_reads()], responses=problems(404))
async def preview_template(key: str, body: Previewed, session: Db) -> TemplatePreviewOut:
    """Show what a version comes to with some data, in all its languages. What the data lacks is a 422 that names variable and line."""
    shown = await service.preview_template(session, key, number=body.version, data=body.data)
    previews = [
        PreviewedOut(
            channel=said["channel"],
            locale=said["locale"],
            subject=said["subject"],
            text=said["body"],
            html=said.get("html"),
            preheader=said.get("preheader"),
            url=said.get("url"),
            warnings=list(shown.warnings[said["channel"], said["locale"]]),
        )
        for said in shown.said
    ]
    return TemplatePreviewOut(version=shown.version, previews=previews)
