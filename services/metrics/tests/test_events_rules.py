"""What of an event is kept, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from opsloop_common import limits
from opsloop_common.conditions import Condition
from opsloop_common.contracts.envelope import Event
from opsloop_metrics.events import rules
from opsloop_metrics.events.rules import Aggregate, Selection

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture
def event(thing):
    def make(data: dict[str, Any] | None = None, **fields: Any) -> Event:
        return thing(data or {}, at=NOW).model_copy(update=fields)

    return make


@pytest.mark.parametrize(
    ("source", "depth", "echo"),
    [
        ("/opsloop/metrics", limits.CAUSE_DEPTH + 1, True),
        ("/opsloop/metrics", limits.CAUSE_DEPTH, False),
        ("/opsloop/feedback", limits.CAUSE_DEPTH + 1, False),
    ],
)
def test_only_what_metrics_said_of_itself_is_an_echo(event, source: str, depth: int, echo: bool):
    assert rules.is_echo(event(source=source, causationdepth=depth)) is echo


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("2026-11-21T08:00:00Z", datetime(2026, 11, 21, 8, 0, tzinfo=UTC)),
        ("2026-11-21T08:00:00+08:00", datetime(2026, 11, 21, 0, 0, tzinfo=UTC)),
        ("2026-11-21T08:00:00", NOW),  # whose time?
        ("yesterday", NOW),
        ("0001-01-01T00:00:00+08:00", NOW),
        (7, NOW),
        (None, NOW),
    ],
)
def test_an_event_counts_from_when_it_happened(event, said: object, counted: datetime):
    found = rules.occurred_at(event({"occurred_at": said}))

    assert found == counted
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("data", "user"),
    [
        ({}, None),
        ({"user_id": "u1"}, "u1"),
        ({"author": {"user_id": "u2"}, "user_id": "u1"}, "u2"),
        ({"author": {"user_id": None}, "user_id": "u1"}, "u1"),
        ({"author": {"user_id": ""}, "user_id": "u1"}, "u1"),
        ({"author": "u2", "user_id": "u1"}, "u1"),
        ({"author": {}}, None),
        ({"user_id": ""}, None),
        ({"user_id": 7}, None),
        ({"author": {"user_id": 7}}, None),
    ],
)
def test_an_event_is_about_its_author_else_its_user(event, data: dict[str, Any], user: str | None):
    assert rules.user_of(event(data)) == user


LARGE = Condition(field="data.n", op="gt", value=5)
FROM_A_KEY = Condition(field="actor", op="eq", value="key:a")


@pytest.mark.parametrize(
    ("selection", "n", "changes"),
    [
        (Selection("thing.happened", Aggregate.COUNT), 1, True),
        (Selection("another.thing", Aggregate.COUNT), 9, False),
        (Selection("thing.happened", Aggregate.COUNT, where=(LARGE,)), 9, True),
        (Selection("thing.happened", Aggregate.COUNT, where=(LARGE,)), 5, False),
        (Selection("thing.happened", Aggregate.SUM, "data.n", (LARGE,)), 5, False),
        (Selection("thing.happened", Aggregate.SHARE, where=(LARGE,)), 5, True),  # one more that is not
        (Selection("thing.happened", Aggregate.COUNT, where=(LARGE, FROM_A_KEY)), 9, True),
        (Selection("thing.happened", Aggregate.COUNT, where=(LARGE, FROM_A_KEY)), 5, False),
    ],
)
def test_an_event_changes_what_counts_it(event, selection: Selection, n: int, changes: bool):
    assert rules.changes(event({"n": n}, actor="key:a"), selection) is changes


def test_whom_an_event_lists_is_not_kept_and_changes_nothing(event):
    named = Selection(
        "thing.happened", Aggregate.COUNT, where=(Condition(field="data.user_ids", op="contains", value="u1"),)
    )
    assert not rules.changes(event({"user_ids": ["u1"]}), named)
