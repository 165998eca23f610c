"""Use cases of a form's page: it is shown, and what was sent becomes a post."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_common.ids import uuid7
from opsloop_common.secretbox import SecretBox
from opsloop_feedback.form_pages import rules
from opsloop_feedback.form_pages.rules import Answers, Fate, Showing, Sign
from opsloop_feedback.forms import service as forms
from opsloop_feedback.forms.rules import Outcome
from opsloop_feedback.forms.service import Form
from opsloop_feedback.intake import service as intake
from opsloop_feedback.sorting.rules import Sorter
from opsloop_feedback.status_pages import service as status_pages
from opsloop_feedback.submissions.rules import Submission

SOURCE = "visitors"
_LOCALES = {"zh": "zh-CN", "en": "en"}


@dataclass(frozen=True)
class Sending:
    """What was sent by a page: its fate, its reference where it has one, and what was typed."""

    fate: Fate | None
    reference: str | None
    answers: Answers
    wait: int | None = None
    """Seconds, for whom sends too much."""
    seen_by: str | None = None
    """What opens the page on which the sender sees how far we are."""


def _sign(box: SecretBox, workspace: str) -> Sign:
    def sign(said: bytes) -> bytes:
        return box.digest(f"{workspace}.".encode() + said, purpose="form shown")

    return sign


def new_token(session: AsyncSession, form: Form, *, secrets_box: SecretBox) -> str:
    """Return what a page that is shown now carries."""
    showing = Showing(clock_of(session).now(), secrets.token_hex(16))
    return rules.token_of(showing, form.id, _sign(secrets_box, context_of(session).workspace))


def ready_token(session: AsyncSession, form: Form, *, secrets_box: SecretBox) -> str:
    """Return what a page carries that is shown again to somebody who has read it already."""
    showing = Showing(clock_of(session).now() - rules.FASTEST, secrets.token_hex(16))
    return rules.token_of(showing, form.id, _sign(secrets_box, context_of(session).workspace))


def _read(session: AsyncSession, form_id: UUID, token: str, box: SecretBox) -> Showing | None:
    workspace = context_of(session).workspace
    found = (rules.read_token(token, form_id, _sign(each, workspace)) for each in box.with_each_key)
    return next(filter(None, found), None)


async def send(
    session: AsyncSession,
    form: Form,
    sent: Mapping[str, str],
    *,
    language: str,
    secrets_box: SecretBox,
    sorter: Sorter,
    take: Callable[[], int | None],
) -> Sending:
    """Make a post of what was sent, once, unless only a machine sends so: that is counted, and answered as a post is.

    What a person can mend comes back with all that was typed. `take` says how long somebody has to wait who sends too much.
    """
    showing = _read(session, form.id, sent.get(rules.SHOWN, ""), secrets_box)
    answers = rules.read_answers(form.fields, sent)
    fate = rules.fate(showing, sent.get(rules.TRAP, ""), clock_of(session).now())
    told = partial(rules.reference, typed=answers.typed, sign=_sign(secrets_box, context_of(session).workspace))
    if fate in (Fate.HONEYPOT, Fate.TOO_FAST):
        await forms.count(session, form.id, Outcome(fate.value))
        ours = told(showing or Showing(clock_of(session).now(), ""))
        return Sending(
            fate, ours, answers, seen_by=status_pages.token_for(session, uuid7())
        )  # as people's, and to nothing
    if answers.flaws:
        return Sending(None, None, answers)
    if showing is None or fate is Fate.TOO_OLD:
        return Sending(Fate.TOO_OLD, None, answers)
    if (wait := take()) is not None:
        return Sending(None, None, answers, wait)
    said = _submission(form, answers, told(showing), language)
    post, created = await intake.submit(session, said, sorter=sorter)
    if created:
        await forms.count(session, form.id, Outcome.RECEIVED)
    return Sending(Fate.TAKEN, said.external_id, answers, seen_by=status_pages.token_for(session, post.id))


def _submission(form: Form, answers: Answers, reference: str, language: str) -> Submission:
    said = answers.said
    own = {"answers": said["answers"]} if "answers" in said else {}
    return Submission(
        body=said["body"],
        source=SOURCE,
        channel="form",
        title=said.get("title"),
        kind=said.get("kind") or form.kind,  # type: ignore[arg-type] # both are held to the closed list
        external_id=reference,
        author_email=said.get("email"),
        author_name=said.get("name"),
        author_verified=False,
        rating=said.get("rating"),
        locale=_LOCALES[language],
        tags=form.tags,
        area=form.area,
        attributes={"form": form.slug} | own,
    )
