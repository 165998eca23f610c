"""What became of an audience, added up, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_campaigns.lifecycle.rules import Status
from opsloop_campaigns.recipients.rules import Count, RecipientOutcome
from opsloop_campaigns.sending import rules

COUNTS = st.lists(
    st.builds(
        Count,
        st.sampled_from(list(RecipientOutcome)),
        st.sampled_from([None, "no_address", "rejected"]),
        st.sampled_from([None, "en", "zh-CN"]),
        st.integers(1, 9),
    )
)


@given(st.sampled_from(list(Status)), st.integers(0, 9), COUNTS)
def test_results_add_up(status, audience_size, counts):
    results = rules.results(status, audience_size, counts)

    assert sum(results.by_status.values()) == results.audience_size
    assert results.audience_size == (sum(count.count for count in counts) if counts else audience_size)


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (Status.DRAFT, RecipientOutcome.PENDING, {}),
        (Status.APPROVED, RecipientOutcome.PENDING, {}),
        (Status.CANCELLED, RecipientOutcome.CANCELLED, {"campaign_cancelled": 3}),
        (Status.ARCHIVED, RecipientOutcome.CANCELLED, {"campaign_cancelled": 3}),
    ],
)
def test_before_a_launch_all_wait_or_were_given_up(status: Status, outcome: RecipientOutcome, reason: dict[str, int]):
    found = rules.results(status, 3, [])

    assert found == rules.Results(3, dict.fromkeys(RecipientOutcome, 0) | {outcome: 3}, reason, {})


def test_nobody_addressed_is_nobody_waiting():
    assert rules.results(Status.DRAFT, 0, []) == rules.Results(0, dict.fromkeys(RecipientOutcome, 0), {}, {})


def test_results_add_up_by_status_reason_and_locale():
    counts = [
        Count("sent", None, "en", 2),
        Count("sent", None, "zh", 3),
        Count("failed", "no_address", None, 4),
        Count("failed", "bounced", "en", 5),
        Count("skipped", "no_address", None, 6),
    ]

    found = rules.results(Status.CANCELLED, 99, counts)

    expected = dict.fromkeys(RecipientOutcome, 0) | {
        RecipientOutcome.SENT: 5,
        RecipientOutcome.FAILED: 9,
        RecipientOutcome.SKIPPED: 6,
    }
    assert found == rules.Results(20, expected, {"no_address": 10, "bounced": 5}, {"en": 7, "zh": 3})
