"""The HTTP door of intake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from fastapi import Request, Response

from opsloop_common.access import idempotency
from opsloop_common.access.idempotency import Answer, Replay
from opsloop_common.errors import FieldError
from opsloop_common.http.call import Call, call_of
from opsloop_common.http.deps import Asked
from opsloop_common.http.routing import ApiRouter, allow, body_limit, own_idempotency, problems, publishable, users
from opsloop_common.http.rows import told
from opsloop_common.ids import uuid7
from opsloop_common.limits import BATCH_BYTES, BATCH_CONTAINERS, BATCH_VALUES
from opsloop_common.turns import breathing, in_turns
from opsloop_common.versions import etag
from opsloop_feedback.attachments import service as attachments
from opsloop_feedback.intake import quick, rules, service
from opsloop_feedback.intake.meters import IntakeMeter
from opsloop_feedback.intake.schemas import (
    BatchIn,
    BatchItemOut,
    BatchOut,
    FeedbackIn,
    FeedbackReceipt,
    FeedbackRow,
    InvalidRow,
    new_feedback,
    new_receipt,
    read_row,
    written,
)
from opsloop_feedback.items.rules import NaturalKey
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.shapes import FeedbackOut
from opsloop_feedback.sorters import service as sorters
from opsloop_feedback.sorting.rules import Sorter
from opsloop_feedback.submissions import rules as submissions
from opsloop_feedback.submissions.rules import Submission

router = ApiRouter(tags=["feedback"])

SUBMIT = [allow("feedback:submit", "feedback:write")]


@router.post(
    "/v1/feedback",
    status_code=201,
    response_model=FeedbackOut | FeedbackReceipt,
    dependencies=[*SUBMIT, publishable(), users(), own_idempotency()],
    responses={
        200: {"model": FeedbackOut | FeedbackReceipt, "description": "Its source, channel and external_id are known"},
        **problems(409),
    },
)
async def submit_feedback(body: FeedbackIn, request: Request) -> Response:
    """Take in what somebody said, sorted by kind, severity and sentiment at once.

    A `channel` and `external_id` that the same `source` posted before answer 200 with the item they have. Who may not read
    feedback is only told that it is there.
    """
    call = call_of(request)  # by hand: three dependencies would take longer than triage
    run, context, keyed, who = call.shell.runtime, call.context, call.keyed, call.who
    said, now = body.submission(who), run.clock.now()
    submissions.require_said(said, now)
    submissions.require_claims(said, who)
    if (
        said.author_email is not None or body.attachments
    ):  # who sends mail is told of it, and files are named, in the same transaction
        return _as_response(await _submitted(call, said, body.attachments))
    sorter = sorters.find_sorter(run.db, context.workspace) or await _read_sorter(call)
    row = rules.new_row(said, id=uuid7(), workspace=context.workspace, now=now, sorter=sorter)
    document = new_feedback(row) if submissions.may_read(who) else new_receipt(row)
    # only what is kept under a key is written before the number is known
    answer = Answer(201, _headers(row["id"], row["version"]), b"" if keyed is None else written(document))
    number = await quick.take_in(run.db, context, row, keyed=keyed, answer=answer)
    if number is None:
        return _as_response(await _known(call, said))
    run.db.meters.of(IntakeMeter).count(row)
    return _as_response(replace(answer, body=written({**document, "number": number})))


async def _read_sorter(call: Call) -> Sorter:
    await call.enter()
    sorter = await sorters.read_sorter(call.runtime.db, call.context)
    call.leave()
    return sorter


def _headers(id: UUID, version: int) -> dict[str, str]:
    return {"location": f"feedback/{id}", "etag": etag(version)}


def _as_response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, "application/json")


async def _submitted(call: Call, said: Submission, files: Sequence[UUID]) -> Answer:
    """Take a post in as the plain transaction does, and answer with its item. Who may only add names files of its own source."""
    session = await call.begin()
    feedback, created = await service.submit(session, said)
    if created:
        source = None if call.who.has("feedback:write") else call.who.source
        await attachments.name(session, files, feedback_id=feedback.id, source=source)
    return Answer(201 if created else 200, _headers(feedback.id, feedback.version), _shown(call, feedback))


async def _known(call: Call, said: Submission) -> Answer:
    """Answer with the item that this source, channel and external_id have."""
    context, keyed = call.context, call.keyed
    await call.enter()
    async with call.runtime.db.transaction(context) as session:
        if keyed is not None:
            stored = await idempotency.claim(session, keyed, workspace=context.workspace)
            if stored is not None:
                raise Replay(stored)
        feedback = await service.get_known(session, said)
        answer = Answer(200, _headers(feedback.id, feedback.version), _shown(call, feedback))
        if keyed is not None:
            await idempotency.store(session, keyed, answer)
    return answer


def _shown(call: Call, feedback: Feedback) -> bytes:
    shape = FeedbackOut if submissions.may_read(call.who) else FeedbackReceipt
    return shape.model_validate(feedback).model_dump_json().encode()


@router.post(
    "/v1/feedback:batch",
    dependencies=[
        *SUBMIT,
        body_limit(BATCH_BYTES, containers=BATCH_CONTAINERS, values=BATCH_VALUES),
        own_idempotency(),
    ],
)
async def submit_batch(body: BatchIn, call: Asked) -> BatchOut:
    """Take in up to 1,000 posts. Valid rows land together; an invalid row refuses only itself."""
    now = call.runtime.clock.now()
    rows = await in_turns(partial(_read_row, now=now), body.items, workspace=call.who.workspace)
    valid = (row for row in rows if not isinstance(row, InvalidRow))
    said = await in_turns(lambda row: row.submission(call.who), valid, workspace=call.who.workspace)
    # all that takes long is done before the transaction, which would hold a connection while others have their turns
    known = await _known_among(call, said)
    sorter = sorters.find_sorter(call.runtime.db, call.who.workspace) or await _read_sorter(call)
    prepared = await service.prepare(said, known, workspace=call.who.workspace, now=now, sorter=sorter)
    outcomes = iter(await service.submit_many(await call.begin(), prepared))
    answers = await breathing(
        lambda row: _refused(row) if isinstance(row, InvalidRow) else _taken(row, *next(outcomes)), rows
    )
    return BatchOut(items=answers)


async def _known_among(call: Call, said: Sequence[Submission]) -> dict[NaturalKey, UUID]:
    """Ask for what is known first: to sort it again would take longer than all else that a repeated batch needs."""
    if not said:
        return {}
    await call.enter()
    async with call.runtime.db.transaction(call.context) as session:
        known = await service.known_among(session, said)
    call.leave()
    return known


def _read_row(value: object, *, now: datetime) -> FeedbackRow | InvalidRow:
    row = read_row(value)
    if isinstance(row, InvalidRow) or submissions.is_said(row.occurred_at, now):
        return row
    return InvalidRow(row.external_id, (FieldError("/occurred_at", submissions.NOT_YET),))


def _refused(row: InvalidRow) -> BatchItemOut:
    return BatchItemOut(external_id=row.external_id, status="invalid", id=None, errors=told(row.errors))


def _taken(row: FeedbackRow, id: UUID, created: bool) -> BatchItemOut:
    return BatchItemOut(external_id=row.external_id, status="created" if created else "existing", id=id, errors=[])
