"""Bounds that belong together: a part is less than the whole, whose size another of them says."""

from __future__ import annotations

import pytest

from opsloop_common import limits


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("COMPETITOR_SERIES_PULLED", "COMPETITOR_SERIES_PER_WORKSPACE"),
        ("MONITORS_PER_WORKSPACE", "KPIS_PER_WORKSPACE"),
        ("KEY_RESULTS_PER_OBJECTIVE", "KPIS_PER_WORKSPACE"),
        ("PLAYBOOK_WAITING", "WORKSPACE_WAITING"),
        ("PLAYBOOK_LAUNCHES_PER_HOUR", "WORKSPACE_LAUNCHES_PER_HOUR"),
        ("CAUSE_MESSAGES_PER_HOUR", "WORKSPACE_MESSAGES_PER_HOUR"),
        ("QUEUE_HELD_KEPT", "QUEUE_HELD"),
        ("USER_RATE_PER_SECOND", "PUBLISHABLE_RATE_PER_SECOND"),
        ("PUBLISHABLE_RATE_PER_SECOND", "RATE_PER_SECOND"),
        ("IMPORT_PART_BYTES", "IMPORT_BYTES"),
        ("IMPORT_CELL_CHARACTERS", "IMPORT_ROW_BYTES"),
        ("BODY_BYTES_PER_KEY", "BODY_BYTES_PER_ADDRESS"),
        ("BODY_BYTES_PER_ADDRESS", "BODY_BYTES_PER_PROCESS"),
    ],
)
def test_a_part_is_less_than_the_whole(part, whole):
    assert 0 < getattr(limits, part) < getattr(limits, whole)
