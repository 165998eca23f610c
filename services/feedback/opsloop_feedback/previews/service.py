"""Try a rule out on the newest posts; nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.turns import breathing
from opsloop_feedback.items import service as items
from opsloop_feedback.learning import service as learning
from opsloop_feedback.previews import rules
from opsloop_feedback.previews.rules import LOOKED_AT, Preview
from opsloop_feedback.sorting.rules import Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.taxonomy import service as taxonomy
from opsloop_feedback.triage_rules import service as triage_rules


async def preview(session: AsyncSession, fields: Mapping[str, Any], replaces: UUID | None) -> Preview:
    """Return what a rule would move, in the place of another or beside all; raises Invalid (422), NotFound (404)."""
    team = await triage_rules.placed_rules(session)
    others = [(position, rule) for position, rule in team if rule.id != str(replaces)]
    if replaces is not None:
        await triage_rules.require_rule(session, replaces)
    tried = triage_rules.as_placed(fields, id=str(replaces or "~"))
    base = Sorter(models=await learning.active_models(session), areas=await taxonomy.areas(session))
    now = rules.with_rule(base, team, None)
    then = rules.with_rule(base, others, tried)
    posts = [
        (post.id, post.number, Submission(**post.said)) for post in await items.newest_said(session, limit=LOOKED_AT)
    ]
    return rules.preview_of(await breathing(partial(rules.moved, now=now, then=then), posts))
