"""What comes next for an alert that nobody sees to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from opsloop_common.http.schemas import parse_duration
from opsloop_notifications.labels.rules import in_language
from opsloop_notifications.ways.rules import CHAT

ACKNOWLEDGE = {"en": "Acknowledge", "zh": "认领"}
PATIENCE = timedelta(minutes=1)
"""How long at least until a repeat, and until a look at an alert that somebody has, or that is quiet."""


class Targets(StrEnum):
    """Whom a step tells: a person, whoever is on call, or a webhook that is about alerts."""

    USER = "user"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"


@dataclass(frozen=True)
class Step:
    """Told `after` the step before, or after the alert began."""

    after: timedelta
    targets: tuple[tuple[Targets, str], ...]


@dataclass(frozen=True)
class Policy:
    """Steps that are taken one after the other, all of them `repeats` times more.

    `reopens_after`: an acknowledgement counts for so long; then the first step is taken again.
    """

    steps: tuple[Step, ...]
    repeats: int = 0
    reopens_after: timedelta | None = None

    @property
    def count(self) -> int:
        """Return how many steps there are with all repeats."""
        return len(self.steps) * (self.repeats + 1)


@dataclass(frozen=True)
class Move:
    """What to do now: take a step (None: none), take an acknowledgement back first, and when to look again (None: never)."""

    step: int | None
    reopens: bool
    done: int
    looks_at: datetime | None


def next_move(policy: Policy, done: int, *, acknowledged_at: datetime | None, is_quiet: bool, now: datetime) -> Move:
    """Decide about an alert that fires, of which `done` steps were taken; steps are counted on over repeats."""
    last = policy.steps[min(done, policy.count - 1) % len(policy.steps)]
    if acknowledged_at is not None:
        until = None if policy.reopens_after is None else acknowledged_at + policy.reopens_after
        if until is None or until > now:
            return Move(None, False, done, until or now + max(last.after, PATIENCE))
        if is_quiet:  # nobody has it any more, and nobody is told so before it may be heard
            return Move(None, True, 0, now + max(policy.steps[0].after, PATIENCE))
        return Move(0, True, 1, _after(policy, 1, now))
    if done >= policy.count:
        return Move(
            None, False, done, None if policy.reopens_after is None else now + max(policy.reopens_after, PATIENCE)
        )
    if is_quiet:
        return Move(None, False, done, now + max(last.after, PATIENCE))
    return Move(done % len(policy.steps), False, done + 1, _after(policy, done + 1, now))


def _after(policy: Policy, done: int, now: datetime) -> datetime | None:
    if done < policy.count:
        place = done % len(policy.steps)
        # as it is said; only a repeat never follows at once, or all of them would be taken in one breath
        return now + (policy.steps[place].after if place else max(policy.steps[0].after, PATIENCE))
    return None if policy.reopens_after is None else now + max(policy.reopens_after, PATIENCE)


def read_policy(steps: Sequence[Mapping[str, Any]], repeats: int, reopens_after: timedelta | None) -> Policy:
    """Return a policy as it is stored."""
    return Policy(
        tuple(
            Step(parse_duration(one["after"]), tuple((Targets(each["kind"]), each["id"]) for each in one["targets"]))
            for one in steps
        ),
        repeats,
        reopens_after,
    )


def words_of(
    name: str, labels: Mapping[str, str], annotations: Mapping[str, str], link: str | None, step: int
) -> list[dict[str, str]]:
    """Return what is mailed to people, in both languages."""
    severity = labels.get("severity", "")
    where = [] if link is None else ["", link]
    mark = f"[{severity}] " if severity else ""
    openings = {"en": f"Nobody has acknowledged this alert (step {step}).", "zh": f"该告警尚无人认领（第 {step} 步）。"}
    contents = []
    for locale, opening in openings.items():
        said = in_language(annotations, locale)
        lines = [f"{key}: {value}" for each in (labels, said) for key, value in sorted(each.items())]
        contents.append(_content(locale, f"{mark}{said.get('summary') or name}", opening, lines, where))
    return contents


def called(words: Mapping[str, str], channel: str, link: str | None) -> dict[str, Any]:
    """Return what a chat, an SMS or a browser says of what is mailed: the way to the page that acknowledges is a button, or the end."""
    opening, _, rest = words["body"].partition("\n\n")
    said: dict[str, Any] = {"channel": channel, "locale": words["locale"], "subject": words["subject"], "body": opening}
    if channel != CHAT:
        return said | {"url": link}
    if link is None:
        return said | {"body": f"{opening}\n{rest.strip()}"}
    press = {"words": ACKNOWLEDGE[words["locale"]], "url": link}
    return said | {"body": f"{opening}\n{rest.strip()}", "buttons": [press]}


def _content(locale: str, subject: str, opening: str, lines: Sequence[str], where: Sequence[str]) -> dict[str, str]:
    one_line = " ".join(subject.split())[:200]
    return {"locale": locale, "subject": one_line, "body": "\n".join([opening, "", *lines, *where])}
