"""Write templates, keep each version, say which of them is sent, and what they come to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, Invalid, TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.templates import queries
from opsloop_notifications.templates.models import Template, TemplateVersion
from opsloop_notifications.wording import rules as wording
from opsloop_notifications.wording.rules import Contents, Said, Unsayable


@dataclass(frozen=True)
class Shown:
    """What a version comes to with some data, and by channel and locale what is better looked at."""

    version: int
    said: Sequence[Said]
    warnings: Mapping[tuple[str, str], Sequence[str]]


async def create_template(session: AsyncSession, fields: Mapping[str, Any]) -> Template:
    """Keep a new template, whose first version is not sent until it is published; raises Invalid (422), Conflict, TooMany (409)."""
    await _require_readable(fields["contents"])
    await take_place(session, queries.ALL, most=limits.TEMPLATES_PER_WORKSPACE, what="templates")
    if await queries.find_template(session, fields["key"]) is not None:
        raise Conflict("There is a template with this key.")
    template = resources.create(session, Template, latest_version=1, published_version=None, **fields)
    await session.flush()  # the version refers to it
    _keep_version(session, template)
    return template


async def change_template(
    session: AsyncSession, key: str, changes: Mapping[str, Any], *, expected: Precondition
) -> Template:
    """Change a template; other contents become its next version. Raises Invalid (422), TooMany (409)."""
    if "contents" in changes:
        await _require_readable(changes["contents"])
    template = await queries.lock_template(session, key, expected)
    with changing(session, template, changes) as before:
        if "contents" in before:
            if template.latest_version >= limits.TEMPLATE_VERSIONS:
                raise TooMany(f"a template has at most {limits.TEMPLATE_VERSIONS} versions; make another one")
            template.latest_version += 1
            _keep_version(session, template)
    return template


def _keep_version(session: AsyncSession, template: Template) -> None:
    session.add(
        TemplateVersion(
            workspace=template.workspace,
            template_id=template.id,
            number=template.latest_version,
            contents=template.contents,
            created_by=context_of(session).actor,
            created_at=clock_of(session).now(),
        )
    )


async def _require_readable(contents: Contents) -> None:
    try:
        await asyncio.to_thread(wording.require_readable, contents)
    except Unsayable as error:
        raise Invalid(f"/contents{error.place}", str(error.fault)) from error


async def publish_template(session: AsyncSession, key: str, number: int | None, *, expected: Precondition) -> Template:
    """Have one version sent from now on, None the latest; an earlier one rolls back. Raises Invalid (422)."""
    template = await queries.lock_template(session, key, expected)
    number = template.latest_version if number is None else number
    if not 1 <= number <= template.latest_version:
        raise Invalid("/version", f"must be one of its versions, 1 to {template.latest_version}")
    with changing(session, template, {"published_version": number}, action="published"):
        return template


async def delete_template(session: AsyncSession, key: str, *, expected: Precondition) -> None:
    """Throw a template and its versions away; what was said with it stays said."""
    await resources.delete(session, await queries.lock_template(session, key, expected))


async def contents_to_send(session: AsyncSession, key: str, number: int | None = None) -> tuple[int, Contents]:
    """Return the number and contents of the version that is sent, or of the one named; raises Invalid (422), Conflict (409)."""
    template = await queries.find_template(session, key)
    if template is None:
        raise Invalid("/template", "names no template here")
    wanted = template.published_version if number is None else number
    if wanted is None:
        raise Conflict("No version of this template is published yet.")
    version = await queries.find_version(session, template.id, wanted)
    if version is None:
        raise Invalid("/version", f"must be one of its versions, 1 to {template.latest_version}")
    return wanted, version.contents


async def latest_of(session: AsyncSession, key: str) -> tuple[int, Mapping[str, Any]]:
    """Return the number of a template's latest version, and its sample; raises NotFound."""
    template = await queries.get_template(session, key)
    return template.latest_version, template.sample


async def preview_template(
    session: AsyncSession, key: str, *, number: int | None, data: Mapping[str, Any] | None
) -> Shown:
    """Return what a version, None the latest, comes to with data, None its sample; raises NotFound, Invalid (422)."""
    template = await queries.get_template(session, key)
    number = template.latest_version if number is None else number
    version = await queries.find_version(session, template.id, number)
    if version is None:
        raise Invalid("/version", f"must be one of its versions, 1 to {template.latest_version}")
    given = template.sample if data is None else data
    said = await say(version.contents, given, wording.CHANNELS)
    return Shown(number, said, await asyncio.to_thread(wording.warnings, version.contents, given, said))


async def say(contents: Contents, data: Mapping[str, Any], channels: Sequence[str]) -> list[Said]:
    """Return what is said with some data; others go on meanwhile. Raises Invalid (422) that names variable and line."""
    try:
        return await asyncio.to_thread(wording.say, contents, data, channels)
    except Unsayable as error:
        raise Invalid("/data", str(error)) from error
