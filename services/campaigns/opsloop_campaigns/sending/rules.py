"""What became of a campaign's audience, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opsloop_campaigns.lifecycle.rules import Status
from opsloop_campaigns.recipients.rules import Count, RecipientOutcome


@dataclass(frozen=True)
class Results:
    """What became of a campaign's audience; `by_status` adds up to `audience_size`."""

    audience_size: int
    by_status: Mapping[RecipientOutcome, int]
    by_reason: Mapping[str, int]
    by_locale: Mapping[str, int]


def results(status: Status, audience_size: int, counts: Sequence[Count]) -> Results:
    """Add up what is known of the recipients; before a launch nobody has a row, so all wait (or were given up)."""
    if not counts and audience_size:
        ended = status in {Status.CANCELLED, Status.ARCHIVED}
        given_up = Count(RecipientOutcome.CANCELLED, "campaign_cancelled", None, audience_size)
        counts = [given_up if ended else Count(RecipientOutcome.PENDING, None, None, audience_size)]
    by_status = dict.fromkeys(RecipientOutcome, 0)
    by_reason: Counter[str] = Counter()
    by_locale: Counter[str] = Counter()
    for same in counts:
        by_status[RecipientOutcome(same.status)] += same.count
        if same.reason is not None:
            by_reason[same.reason] += same.count
        if same.locale is not None:
            by_locale[same.locale] += same.count
    return Results(sum(by_status.values()), by_status, dict(by_reason), dict(by_locale))
