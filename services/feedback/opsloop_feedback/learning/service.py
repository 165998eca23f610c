"""Use cases of learning: note what people correct, learn from it, and say what was learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_common.due import LongRun
from opsloop_common.turns import in_turns
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import SortedPost
from opsloop_feedback.learning import queries, rules
from opsloop_feedback.learning.models import Correction, TriageModel
from opsloop_feedback.learning.rules import Learner, Lesson, Model, Report
from opsloop_feedback.triage.rules import triage


async def note_change(
    session: AsyncSession, feedback_id: UUID, fields: Mapping[str, str | None], *, by: str, at: datetime
) -> None:
    """Note what a person says a post is; what triage said as well is no correction, and takes back an earlier one."""
    post = next(iter(await items.sorted_posts(session, [feedback_id])), None)
    if post is None:
        return
    for field, value in fields.items():
        label, said = value or rules.NO_AREA, str(post.triage.get(field) or rules.NO_AREA)
        of = (Correction.feedback_id == feedback_id, Correction.field == field)
        if label == said:
            await session.execute(delete(Correction).where(*of))
            continue
        row = {"said": said, "label": label, "corrected_by": by, "corrected_at": at}
        key = {"feedback_id": feedback_id, "field": field, "workspace": context_of(session).workspace}
        written = insert(Correction).values(**key, **row)
        await session.execute(
            written.on_conflict_do_update(
                index_elements=["feedback_id", "field"], set_=row, where=Correction.corrected_at <= at
            )
        )


@dataclass(frozen=True)
class _Material:
    """What there is to learn a field from: labels by post, posts, and which were corrected."""

    field: str
    labels: Mapping[UUID, str]
    posts: Sequence[SortedPost]


async def learn(run: LongRun) -> None:
    """Learn anew what people corrected since it was learnt last, a field at a time; nothing is held open meanwhile."""
    async with run.transaction() as session:
        fields = await queries.to_learn(session, least=rules.ENOUGH)
    for field in sorted(fields):
        async with run.transaction() as session:
            material = await _material(session, field)
        lessons = await in_turns(partial(_lesson, material), material.posts, workspace=run.workspace)
        tried: list[tuple[Lesson, str]] = []
        for known, unseen in rules.folds(lessons):
            model = await _learnt(known, run.workspace)
            tried += await in_turns(partial(_tried, model), unseen, workspace=run.workspace)
        model = await _learnt(lessons, run.workspace)
        async with run.transaction() as session:
            await _keep(session, field, model, rules.report(tried))


async def _material(session: AsyncSession, field: str) -> _Material:
    labels = await queries.newest_corrections(session, field, limit=rules.LESSONS // 2)
    corrected = await items.sorted_posts(session, list(labels))
    others = [post for post in await items.worked_on(session, limit=rules.LESSONS // 2) if post.id not in labels]
    # who was erased says nothing any more
    return _Material(field, labels, [post for post in (*corrected, *others[: len(labels)]) if post.body])


def _lesson(material: _Material, post: SortedPost) -> Lesson:
    text = f"{post.title}\n{post.body}" if post.title else post.body
    sorted_as = triage(post.body, title=post.title, rating=post.rating)
    prior = rules.prior_of(material.field, sorted_as.scores, sorted_as.severity, None)
    said = max(prior, key=lambda name: prior[name])
    label = material.labels.get(post.id)
    return Lesson(rules.features_of(text), prior, said if label is None else label, label is not None)


async def _learnt(lessons: Sequence[Lesson], workspace: str) -> Model:
    learner = Learner(lessons)
    await in_turns(learner.learn, learner.steps(), workspace=workspace)
    return learner.model()


def _tried(model: Model, lesson: Lesson) -> tuple[Lesson, str]:
    return lesson, rules.judge(model, lesson.features, lesson.prior).label


async def _keep(session: AsyncSession, field: str, model: Model, report: Report) -> None:
    row = {
        "active": report.is_better,
        "corrections": report.corrections,
        "lessons": report.lessons,
        "rules_score": report.rules,
        "learner_score": report.learner,
        "trained_at": clock_of(session).now(),
        "document": model.document(),
    }
    key = {"workspace": context_of(session).workspace, "field": field}
    written = insert(TriageModel).values(**key, **row, version=1)
    await session.execute(
        written.on_conflict_do_update(
            index_elements=["workspace", "field"], set_=row | {"version": TriageModel.version + 1}
        )
    )


async def active_models(session: AsyncSession) -> dict[str, Model]:
    """Return what is believed of what the workspace learnt, by field."""
    return {field: rules.read_model(document) for field, document in (await queries.active_documents(session)).items()}


async def stamp(session: AsyncSession) -> str:
    """Return what changes whenever `active_models` may."""
    return await queries.stamp(session)
