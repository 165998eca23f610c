"""Use cases of CSAT: ask authors after their posts were resolved, take what they say, and count it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, outbox, resources, workspaces
from opsloop_common.access import audit
from opsloop_common.contracts.feedback import FeedbackRated, ReplyRequested
from opsloop_common.db import clock_of, context_of, ports_of, settings_of
from opsloop_common.errors import Conflict, Invalid, NotFound
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_feedback.author_links import rules as links
from opsloop_feedback.conversations import rules as conversations
from opsloop_feedback.csat import queries, rules
from opsloop_feedback.csat.models import CsatResponse as CsatResponse
from opsloop_feedback.csat.models import CsatSettings
from opsloop_feedback.items import service as items
from opsloop_feedback.ports import FeedbackPorts
from opsloop_feedback.settings import FeedbackSettings

ASK = "csat.ask"
PAGE = "rating"
SIGNED = "rating page"
AN_HOUR = timedelta(hours=1)
LONGEST_REPORT = timedelta(days=366)


async def get_settings(session: AsyncSession) -> CsatSettings:
    """Return what the workspace has said, or what holds until it does: nobody is asked."""
    return await queries.find_settings(session) or _unsaid(session)


def _unsaid(session: AsyncSession) -> CsatSettings:
    now = clock_of(session).now()
    own = {"workspace": context_of(session).workspace, "version": 0, "created_at": now, "updated_at": now}
    return CsatSettings(**own, enabled=False, delay=rules.DELAY, quiet=rules.QUIET)


async def change_settings(session: AsyncSession, changes: Mapping[str, Any], *, expected: Precondition) -> CsatSettings:
    """Say whether authors are asked, and when; raises StaleVersion."""
    await workspaces.lock(session)  # two first ones at once are a first and a second
    known = await resources.find_for_change(session, CsatSettings)
    settings = known or _unsaid(session)
    expected.require(settings.version)
    with changing(session, settings, changes) as before:
        if known is None and before:
            session.add(settings)
    return settings


async def plan(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Have the authors of posts asked that were resolved; what came with a file was resolved elsewhere."""
    settings = await get_settings(session)
    if not settings.enabled:
        return
    for feedback in await items.some_feedback(session, feedback_ids):
        if feedback.import_id is None and _resolution_of(feedback) is not None:
            await _schedule(session, feedback.id, _resolved_at(feedback) + settings.delay)


async def _schedule(session: AsyncSession, feedback_id: UUID, at: datetime) -> None:
    await due.schedule(session, ASK, str(feedback_id), at, group=context_of(session).workspace, replace=True)


def _resolution_of(feedback: items.Feedback) -> datetime | None:
    return feedback.resolved_at if rules.is_resolved(feedback.status, feedback.resolved_at) else None


def _resolved_at(feedback: items.Feedback) -> datetime:
    resolved_at = _resolution_of(feedback)
    if resolved_at is None or not feedback.body:  # nothing is left of what erased people said
        raise NotFound("There is nothing to judge. 目前没有可评价的内容。")
    return resolved_at


async def ask(session: AsyncSession, feedback_id: UUID) -> None:
    """Ask the author of a post what they think of its resolution: once, if it still holds and they were not asked lately."""
    settings, now = await get_settings(session), clock_of(session).now()
    feedback = await items.find_and_lock(session, feedback_id)
    if feedback is None or not settings.enabled or _resolution_of(feedback) is None or not feedback.body:
        return None
    resolved_at = _resolved_at(feedback)
    if resolved_at + settings.delay > now:  # it was opened and resolved again meanwhile
        return await _schedule(session, feedback_id, resolved_at + settings.delay)
    url = link_of(session, feedback)
    known = feedback.author_verified
    way = conversations.way_to(feedback.workspace, feedback.author_user_id, feedback.author_email, is_verified=known)
    if url is None or way is None or now > resolved_at + rules.ANSWERABLE:
        return None
    if await queries.find_response(session, feedback_id, resolved_at) is not None:
        return None
    if await queries.is_asked_since(session, way.user_id, now - settings.quiet):
        return None
    at_once = rules.QUESTIONS_PER_HOUR
    if await queries.count_asked(session, now - AN_HOUR, limit=at_once) >= at_once:
        return await _schedule(session, feedback_id, now + AN_HOUR)
    response = _new(session, feedback, resolved_at, person=way.user_id, asked_at=now)
    outbox.append(session, _question(session, feedback, response, way, url))
    return None


def _new(session: AsyncSession, feedback: items.Feedback, resolved_at: datetime, **said: Any) -> CsatResponse:
    names = ("workspace", "source", "channel", "severity", "assignee", "team")
    kept = {name: getattr(feedback, name) for name in names}
    response = CsatResponse(id=uuid7(), feedback_id=feedback.id, resolved_at=resolved_at, **kept, **said)
    session.add(response)
    return response


def _question(
    session: AsyncSession, feedback: items.Feedback, response: CsatResponse, way: conversations.Way, url: str
) -> ReplyRequested:
    locale = feedback.locale or feedback.triage.get("language") or "en"
    title, domain = (
        rules.short_title(feedback.title, feedback.body),
        settings_of(session, FeedbackSettings).reply_domain,
    )
    sign = partial(ports_of(session, FeedbackPorts).secrets.digest, purpose=conversations.SIGNED)
    address = conversations.reply_address(domain, feedback.id, feedback.workspace, sign)
    subject, body = rules.mail(locale, number=feedback.number, title=title, url=url, is_answered_to=domain is not None)
    return ReplyRequested(
        feedback_id=feedback.id,
        number=feedback.number,
        message_id=response.id,
        user_id=way.user_id,
        email=way.email,
        channels=list(way.channels),
        locale=locale,
        title=subject,
        body=body,
        reply_to=address if domain else None,
        references=conversations.references_of(
            address, [feedback.external_id if feedback.channel == conversations.EMAIL else None]
        ),
    )


async def hear_deliveries(session: AsyncSession, told: Mapping[UUID, tuple[datetime, str | None]]) -> None:
    """Note what became of questions: when each went out, or why it did not; most of what is told is about others."""
    for id in await queries.asked_among(session, told):
        at, failure = told[id]
        heard = {"sent_at": at} if failure is None else {"failure": failure}
        await session.execute(update(CsatResponse).where(CsatResponse.id == id).values(heard))


def token_of(session: AsyncSession, feedback: items.Feedback) -> str:
    """Return what the link of the question about a post carries."""
    sign = partial(ports_of(session, FeedbackPorts).secrets.digest, purpose=SIGNED)
    return links.token_of(feedback.id, feedback.workspace, sign)


def link_of(session: AsyncSession, feedback: items.Feedback) -> str | None:
    """Return the address of the question about a post, None where we have no public one."""
    public_url = settings_of(session, FeedbackSettings).public_url
    if public_url is None:
        return None
    return f"{public_url.rstrip('/')}/p/{feedback.workspace}/{PAGE}?token={token_of(session, feedback)}"


async def is_open(session: AsyncSession, feedback: items.Feedback) -> bool:
    """Say whether the author of a post may be shown the question: the workspace asks, and there is something to judge."""
    return bool(feedback.body) and _resolution_of(feedback) is not None and (await get_settings(session)).enabled


def read(session: AsyncSession, token: str) -> UUID:
    """Return the post that a link of the session's workspace is about; raises NotFound for what is no link."""
    boxes = ports_of(session, FeedbackPorts).secrets.with_each_key
    signs = [partial(box.digest, purpose=SIGNED) for box in boxes]
    id = links.read_token(token, context_of(session).workspace, signs)
    if id is None:
        raise NotFound("This link is not complete. 此链接不完整。")
    return id


@dataclass(frozen=True)
class Question:
    """What the page asks: about which post, in which language, and what was answered before. `is_final`: it stays so."""

    number: int
    title: str
    locale: str
    score: int | None
    comment: str | None
    is_final: bool


async def show(session: AsyncSession, feedback_id: UUID) -> Question:
    """Return what a page asks; nothing changes. Raises NotFound where there is nothing to judge, Gone."""
    feedback = await items.get_feedback(session, feedback_id)
    resolved_at, now = _resolved_at(feedback), clock_of(session).now()
    response = await queries.look_at_response(session, feedback_id, resolved_at)
    if response is None and not await is_open(session, feedback):
        raise NotFound("There is nothing to judge. 目前没有可评价的内容。")
    answered_at = None if response is None else response.answered_at
    if answered_at is None:
        rules.require_answerable(now, resolved_at=resolved_at, answered_at=None)
    return Question(
        number=feedback.number,
        title=rules.short_title(feedback.title, feedback.body),
        locale=feedback.locale or feedback.triage.get("language") or "en",
        score=None if response is None else response.score,
        comment=None if response is None else response.comment,
        is_final=answered_at is not None and now > answered_at + rules.CHANGEABLE,
    )


async def answer(session: AsyncSession, feedback_id: UUID, *, score: int, comment: str | None) -> None:
    """Take what the author thinks of how their post was resolved, and tell of the score; the same again changes nothing.

    Raises NotFound where there is nothing to judge, Conflict (409) for an answer that holds, Gone (410).
    """
    feedback = await items.lock_feedback(session, feedback_id)
    resolved_at, now = _resolved_at(feedback), clock_of(session).now()
    response = await queries.find_response(session, feedback_id, resolved_at)
    if response is None:
        if not await is_open(session, feedback):
            raise NotFound("There is nothing to judge. 目前没有可评价的内容。")
        response = _new(session, feedback, resolved_at)
    if (response.score, response.comment) == (score, comment):
        return
    rules.require_answerable(now, resolved_at=resolved_at, answered_at=response.answered_at)
    before, response.score, response.comment = response.score, score, comment
    response.answered_at, response.changed_at = response.answered_at or now, now
    audit.record(session, "csat_response.answered", f"csat_response/{response.id}", after={"score": score})
    if score != before:
        outbox.append(session, _rated(feedback, response, before))


def _rated(feedback: items.Feedback, response: CsatResponse, before: int | None) -> FeedbackRated:
    if response.score is None:
        raise Conflict("Nothing was answered.")
    return FeedbackRated(
        feedback_id=feedback.id,
        number=feedback.number,
        response_id=response.id,
        score=response.score,
        previous_score=before,
        is_first=before is None,
        source=response.source,
        channel=response.channel,
        severity=response.severity,
        assignee=response.assignee,
        team=response.team,
        author=items.author_of(feedback),
    )


async def forget(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Take out who was asked about posts of erased people, and what they added; scores stay, nobody is in them."""
    theirs = (
        CsatResponse.workspace == context_of(session).workspace,
        CsatResponse.feedback_id.in_(feedback_ids),
    )
    statement = update(CsatResponse).where(*theirs).values(person=None, comment=None)
    await session.execute(statement.execution_options(synchronize_session=False))


@dataclass(frozen=True)
class Report:
    """What was answered in a period."""

    since: datetime
    until: datetime
    rows: dict[str | None, rules.Answers]
    total: rules.Answers


async def report(session: AsyncSession, since: datetime | None, until: datetime | None, *, by: str) -> Report:
    """Count what was answered from a moment (30 days earlier) until another (now); raises Invalid (422).

    Weeks are those of the workspace: in its time zone, from the day that it begins them on.
    """
    end = until or clock_of(session).now()
    begin = since or end - timedelta(days=30)
    if not begin < end <= begin + LONGEST_REPORT:
        raise Invalid("/query/to", f"must be after `from`, by {LONGEST_REPORT.days} days at most")
    workspace = await workspaces.get(session)

    async def counted(by: str) -> dict[str | None, rules.Answers]:
        how: Any = {"by": by, "zone": workspace.time_zone, "week_start": workspace.week_start}
        return rules.joined(
            await queries.answered(session, begin, end, **how), await queries.asked(session, begin, end, **how)
        )

    rows = await counted(by)
    # of the others there may be more groups than a report has
    by_severity = rows if by == "severity" else await counted("severity")
    return Report(begin, end, rows, rules.together(by_severity.values()))
