"""Decisions about CSAT: whom to ask, in which words, until when an answer holds, and what many answers say together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from opsloop_common.errors import Conflict, Gone, Invalid
from opsloop_feedback.states.rules import FINISHED, Status

DELAY = timedelta(hours=1)
"""So long after it was resolved its author is asked, unless the workspace says otherwise: who writes back at once does so before."""
QUIET = timedelta(days=30)
"""… and so long who was asked is left alone."""
LONGEST_DELAY = timedelta(days=30)
LONGEST_QUIET = timedelta(days=366)
CHANGEABLE = timedelta(hours=24)
"""So long an answer may be changed by who gave it."""
ANSWERABLE = timedelta(days=90)
"""So long after it was resolved a post is judged."""
QUESTIONS_PER_HOUR = 1_000
"""So many of a workspace are asked within an hour; who is over waits for the next."""
COMMENT_CHARACTERS = 2_000
TITLE_CHARACTERS = 80
SATISFIED = 4
_Z = 1.959963984540054
"""The normal quantile of 95 %."""

_MAILS = {
    "en": (
        "How did we do? [#{number}]",
        "We have resolved “{title}”. Are you satisfied with how we did it? One click and a number are enough:\n\n{url}",
        "\n\nIf it is not resolved, just answer this mail.",
    ),
    "zh": (
        "您对处理结果满意吗？[#{number}]",
        "您反馈的“{title}”已处理完毕。您对处理结果满意吗？打开链接，选一个分数即可：\n\n{url}",
        "\n\n如果问题仍未解决，请直接回复此邮件。",
    ),
}


def is_resolved(status: str, resolved_at: datetime | None) -> bool:
    """Say whether there is a resolution to judge: one that holds."""
    return Status(status) in FINISHED and resolved_at is not None


def short_title(title: str | None, body: str) -> str:
    """Return what a post is called in the question about it: one line."""
    words = " ".join((title or body)[: 4 * TITLE_CHARACTERS].split())
    return words if len(words) <= TITLE_CHARACTERS else f"{words[: TITLE_CHARACTERS - 1]}…"


def is_chinese(locale: str) -> bool:
    """Say whether who wrote in this language is asked in Chinese."""
    return locale.lower().startswith("zh")


def mail(locale: str, *, number: int, title: str, url: str, is_answered_to: bool) -> tuple[str, str]:
    """Return subject and body of the question, in the language of the post. `is_answered_to`: what is answered comes back to us."""
    subject, body, answer = _MAILS["zh" if is_chinese(locale) else "en"]
    return subject.format(number=number), body.format(title=title, url=url) + (answer if is_answered_to else "")


def read_score(text: str) -> int:
    """Return a score as a form says it; raises Invalid (422)."""
    if len(text) != 1 or text not in "12345":
        raise Invalid("/score", "must be 1 to 5. 请选择 1 到 5 分。")
    return int(text)


def read_comment(text: str) -> str | None:
    """Return what somebody added, None where it is nothing; raises Invalid (422)."""
    comment = text.replace("\r\n", "\n").strip()
    if len(comment) > COMMENT_CHARACTERS:
        raise Invalid(
            "/comment", f"must have at most {COMMENT_CHARACTERS:,} characters. 最多 {COMMENT_CHARACTERS} 字。"
        )
    return comment or None


def require_answerable(now: datetime, *, resolved_at: datetime, answered_at: datetime | None) -> None:
    """Raise Gone (410) for a resolution of long ago, Conflict (409) for an answer that holds."""
    if answered_at is not None and now > answered_at + CHANGEABLE:
        raise Conflict("You have answered already; thank you. 您已评价，谢谢。")
    if now > resolved_at + ANSWERABLE:
        raise Gone("This question was asked long ago. 此评价已过期。")


@dataclass(frozen=True)
class Answers:
    """What was answered in a period by one group. `answered_of_asked`: of those who were asked in it."""

    n: int = 0
    total: int = 0
    satisfied: int = 0
    asked: int = 0
    answered_of_asked: int = 0

    @property
    def score(self) -> float | None:
        """Return the mean."""
        return self.total / self.n if self.n else None

    @property
    def share(self) -> float | None:
        """Return the share of those who are satisfied."""
        return self.satisfied / self.n if self.n else None

    @property
    def share_low(self) -> float | None:
        """Return from which share on the true one lies (95 %)."""
        return share_within(self.satisfied, self.n)[0] if self.n else None

    @property
    def share_high(self) -> float | None:
        """Return up to which share the true one lies (95 %)."""
        return share_within(self.satisfied, self.n)[1] if self.n else None

    @property
    def response_rate(self) -> float | None:
        """Return how many of those who were asked have answered."""
        return self.answered_of_asked / self.asked if self.asked else None


def share_within(part: int, whole: int) -> tuple[float, float]:
    """Return between which shares the true one lies (95 %), by Wilson's score; `whole` is above 0.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    share, square = part / whole, _Z * _Z
    middle = share + square / (2 * whole)
    spread = _Z * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    # what is rounded must not leave the share itself outside
    return max(min((middle - spread) / scale, share), 0.0), min(max((middle + spread) / scale, share), 1.0)


def joined(
    answered: Mapping[str | None, tuple[int, int, int]], asked: Mapping[str | None, tuple[int, int]]
) -> dict[str | None, Answers]:
    """Return what each group answered (how many, their sum, satisfied) and was asked (how many, answered); None comes last."""
    groups = sorted({*answered, *asked}, key=lambda group: (group is None, group or ""))
    return {group: Answers(*answered.get(group, (0, 0, 0)), *asked.get(group, (0, 0))) for group in groups}


def together(rows: Iterable[Answers]) -> Answers:
    """Return the answers of all groups as those of one."""
    total = [0, 0, 0, 0, 0]
    for row in rows:
        for place, value in enumerate((row.n, row.total, row.satisfied, row.asked, row.answered_of_asked)):
            total[place] += value
    return Answers(*total)
