"""The HTTP door of previews."""

from __future__ import annotations

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.previews import service
from opsloop_feedback.previews.schemas import PreviewIn, PreviewOut

router = ApiRouter(tags=["triage"])


@router.post("/v1/triage-rules/preview", dependencies=[allow("feedback:read")], responses=problems(404))
async def preview_triage_rule(body: PreviewIn, session: Db) -> PreviewOut:
    """Try a rule out on the newest 1,000 posts: which would be sorted otherwise. Nothing is kept."""
    return PreviewOut.model_validate(await service.preview(session, body.rule.fields(), body.replaces))
