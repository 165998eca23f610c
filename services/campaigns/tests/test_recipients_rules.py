"""What becomes of one person in a campaign, without a database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_campaigns.recipients import rules
from opsloop_campaigns.recipients.rules import RecipientOutcome, Report
from opsloop_common.ids import uuid7

CAMPAIGN, OTHER = uuid7(), uuid7()


def report(outcome: RecipientOutcome, user_id: str = "u1", campaign=CAMPAIGN) -> Report:
    at = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    return Report(campaign, uuid7(), user_id, outcome, None, uuid7(), at)


@pytest.mark.parametrize(("in_flight", "room"), [(0, True), (4_500, True), (4_501, False), (5_000, False)])
def test_whole_chunks_are_requested_while_there_is_room(in_flight: int, room: bool):
    assert rules.IN_FLIGHT == 5_000
    assert rules.has_room(in_flight) is room


@pytest.mark.parametrize(
    ("ids", "size"),
    [
        (["a", "b"], 2),
        ([], 0),
        (["x" * 400_000, "b"], 1),  # one always goes
        (["b", "x" * 400_000], 1),
        (["x" * (64 * 1024 - 3)] * 6, 5),  # two quotes and a comma each: five are 320 KiB to the byte
        (["x" * (64 * 1024 - 2)] * 6, 4),
    ],
)
def test_as_many_as_fit_into_one_event(ids: list[str], size: int):
    assert rules.fitting(ids) == ids[:size]


@pytest.mark.parametrize("old", list(RecipientOutcome))
@pytest.mark.parametrize("new", list(RecipientOutcome))
def test_who_was_told_was_told(new: RecipientOutcome, old: RecipientOutcome):
    stands = old in {RecipientOutcome.PENDING, RecipientOutcome.REQUESTED} or (new, old) == (
        RecipientOutcome.SENT,
        RecipientOutcome.FAILED,
    )

    assert rules.replaces(new, old) is stands


def test_of_many_reports_one_a_person_stands():
    sent, failed, late = report(RecipientOutcome.SENT), report(RecipientOutcome.FAILED), report(RecipientOutcome.FAILED)
    elsewhere, other = report(RecipientOutcome.SKIPPED, campaign=OTHER), report(RecipientOutcome.SKIPPED, user_id="u2")

    assert rules.final_outcomes([failed, sent, late]) == [sent]
    assert rules.final_outcomes([late, failed]) == [late]
    assert rules.final_outcomes([sent, elsewhere, other]) == [sent, elsewhere, other]
    assert rules.final_outcomes([]) == []


@pytest.mark.parametrize(("size", "chunks"), [(0, 0), (1, 1), (500, 1), (501, 2), (1000, 2), (1001, 3)])
def test_an_audience_goes_out_in_whole_chunks(size: int, chunks: int):
    assert rules.chunks(size) == chunks
