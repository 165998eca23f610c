"""What is read of templates."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_common.versions import Precondition
from opsloop_notifications.templates.models import Template, TemplateVersion

NEWEST_FIRST = (Template.id.desc(),)
LATEST_FIRST = (TemplateVersion.number.desc(),)
ALL = select(Template.id).subquery()


def templates_of(workspace: str) -> Select[Template]:
    """Return the statement for a workspace's templates, to be paged by `NEWEST_FIRST`."""
    return select(Template).where(Template.workspace == workspace)


def versions_of(template: Template) -> Select[TemplateVersion]:
    """Return the statement for a template's versions, to be paged by `LATEST_FIRST`."""
    own = TemplateVersion.workspace == template.workspace
    return select(TemplateVersion).where(own, TemplateVersion.template_id == template.id)


async def get_template(session: AsyncSession, key: str) -> Template:
    """Return one template; raises NotFound."""
    return await resources.get(session, Template, Template.key == key)


async def find_template(session: AsyncSession, key: str) -> Template | None:
    """Return one template, or None."""
    return await resources.find(session, Template, Template.key == key)


async def lock_template(session: AsyncSession, key: str, expected: Precondition) -> Template:
    """Lock and return one template in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Template, Template.key == key, expected=expected)


async def find_version(session: AsyncSession, template_id: UUID, number: int) -> TemplateVersion | None:
    """Return one version of a template of the session's workspace, or None."""
    own = TemplateVersion.workspace == context_of(session).workspace
    statement = select(TemplateVersion).where(own, TemplateVersion.template_id == template_id)
    return (await session.scalars(statement.where(TemplateVersion.number == number))).one_or_none()


async def get_version(session: AsyncSession, template_id: UUID, number: int) -> TemplateVersion:
    """Return one version of a template; raises NotFound."""
    found = await find_version(session, template_id, number)
    if found is None:
        raise NotFound.of("version of the template", by="key")
    return found
