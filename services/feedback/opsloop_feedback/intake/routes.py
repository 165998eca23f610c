"""The HTTP door of intake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from opsloop_common.access import idempotency
from opsloop_common.access.idempotency import Answer, Replay
from opsloop_common.contracts.feedback import Channel, Kind, Severity
from opsloop_common.errors import FieldError
from opsloop_common.http.call import Call, call_of
from opsloop_common.http.deps import Asked, Db, IfMatch, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, own_idempotency, problems, publishable, users
from opsloop_common.http.schemas import Slug, Timestamp
from opsloop_common.ids import uuid7
from opsloop_common.limits import BATCH_BYTES, BATCH_CONTAINERS, BATCH_VALUES
from opsloop_common.turns import breathing, in_turns
from opsloop_common.versions import etag
from opsloop_feedback.intake import queries, quick, rules, service
from opsloop_feedback.intake.meters import IntakeMeter
from opsloop_feedback.intake.queries import Filters, NaturalKey
from opsloop_feedback.intake.schemas import (
    BatchIn,
    BatchItemOut,
    BatchOut,
    ExternalId,
    FeedbackIn,
    FeedbackOut,
    FeedbackPatch,
    FeedbackReceipt,
    FeedbackRow,
    FieldErrorOut,
    InvalidRow,
    new_feedback,
    new_receipt,
    read_row,
    written,
)
from opsloop_feedback.states.rules import Status
from opsloop_feedback.submissions import rules as submissions
from opsloop_feedback.submissions.rules import Submission

router = ApiRouter(tags=["feedback"])

READ = [allow("feedback:read")]
WRITE = [allow("feedback:write")]
SUBMIT = [allow("feedback:submit", "feedback:write")]

Word = Annotated[str, Query(max_length=254)]
Number = Annotated[int, Query(ge=1, le=2**63 - 1)]


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
    row = rules.new_row(said, id=uuid7(), workspace=context.workspace, now=now)
    document = new_feedback(row) if submissions.may_read(who) else new_receipt(row)
    answer = Answer(201, _headers(row["id"], row["version"]), written(document))
    number = await quick.take_in(run.db, context, row, keyed=keyed, answer=answer)
    if number is None:
        return _as_response(await _known(call, said))
    run.db.meters.of(IntakeMeter).count(row)
    return _as_response(replace(answer, body=written({**document, "number": number})))


def _headers(id: UUID, version: int) -> dict[str, str]:
    return {"location": f"feedback/{id}", "etag": etag(version)}


def _as_response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, "application/json")


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
        shape = FeedbackOut if submissions.may_read(call.who) else FeedbackReceipt
        content = shape.model_validate(feedback).model_dump_json().encode()
        answer = Answer(200, _headers(feedback.id, feedback.version), content)
        if keyed is not None:
            await idempotency.store(session, keyed, answer)
    return answer


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
    rows = await in_turns(partial(_read_row, now=now), body.items)
    valid = (row for row in rows if not isinstance(row, InvalidRow))
    said = await in_turns(lambda row: row.submission(call.who), valid)
    # all that takes long is done before the transaction, which would hold a connection while others have their turns
    known = await _known_among(call, said)
    prepared = await service.prepare(said, known, workspace=call.who.workspace, now=now)
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
    errors = [FieldErrorOut(pointer=error.pointer, detail=error.detail) for error in row.errors]
    return BatchItemOut(external_id=row.external_id, status="invalid", id=None, errors=errors)


def _taken(row: FeedbackRow, id: UUID, created: bool) -> BatchItemOut:
    return BatchItemOut(external_id=row.external_id, status="created" if created else "existing", id=id, errors=[])


async def _filters(
    status: Annotated[list[Status] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    channel: Annotated[list[Channel] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    author: Annotated[list[Word] | None, Query(description="A user id or an e-mail address.")] = None,
    tag: Annotated[list[Word] | None, Query()] = None,
    area: Annotated[list[Word] | None, Query()] = None,
    source: Annotated[list[Slug] | None, Query(description="Who posted it.")] = None,
    external_id: Annotated[list[ExternalId] | None, Query()] = None,
    number: Annotated[list[Number] | None, Query()] = None,
    assignee: Annotated[list[Word] | None, Query()] = None,
    team: Annotated[list[Word] | None, Query()] = None,
    created_from: Timestamp | None = None,
    created_to: Annotated[Timestamp | None, Query(description="Not included.")] = None,
    due_before: Annotated[Timestamp | None, Query(description="Not included.")] = None,
    updated_from: Timestamp | None = None,
    text: Annotated[
        str | None, Query(max_length=200, description="Words that title or body hold, all of them.")
    ] = None,
) -> Filters:
    return Filters(
        status=status or (),
        kind=kind or (),
        channel=channel or (),
        severity=severity or (),
        author=author or (),
        tag=tag or (),
        area=area or (),
        source=source or (),
        external_id=external_id or (),
        number=number or (),
        assignee=assignee or (),
        team=team or (),
        created_from=created_from,
        created_to=created_to,
        due_before=due_before,
        updated_from=updated_from,
        text=text,
    )


@router.get("/v1/feedback", response_model=Listing[FeedbackOut], dependencies=READ)
async def list_feedback(session: Db, page: PageQuery, filters: Annotated[Filters, Depends(_filters)]) -> Response:
    """List feedback, newest first. A repeated filter means any of its values; all filters must hold."""
    found = await paginate(session, queries.matching(filters), page, by=queries.NEWEST_FIRST)
    return await found.written(FeedbackOut)


@router.get("/v1/feedback/{feedback_id}", dependencies=READ, responses=problems(404))
async def get_feedback(feedback_id: UUID, session: Db, response: Response) -> FeedbackOut:
    """Show one feedback."""
    feedback = await queries.get_feedback(session, feedback_id)
    set_etag(response, feedback.version)
    return FeedbackOut.model_validate(feedback)


@router.patch("/v1/feedback/{feedback_id}", dependencies=WRITE, responses=problems(404, 409, 412))
async def update_feedback(
    feedback_id: UUID, body: FeedbackPatch, session: Db, expected: IfMatch, response: Response
) -> FeedbackOut:
    """Sort, assign or label a feedback, or move it on; a status that may not follow answers 409 with those that may."""
    changes = body.model_dump(exclude_unset=True)
    feedback = await service.change_feedback(session, feedback_id, changes, expected=expected)
    set_etag(response, feedback.version)
    return FeedbackOut.model_validate(feedback)
