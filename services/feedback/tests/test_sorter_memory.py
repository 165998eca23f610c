"""The memory of what workspaces sort by: for five seconds, of the newest workspaces, until somebody says that it changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from opsloop_common.db import Context
from opsloop_feedback.sorter_memory.service import KEPT, KEPT_SECONDS, WORKSPACES, Memory, forget_after_commit

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def memory() -> Memory:
    return Memory(CollectorRegistry())


def keep(memory: Memory, workspace: str, sorter: object = "sorter") -> None:
    kept = memory.place(workspace)
    kept.sorter, kept.until = sorter, NOW + KEPT


@pytest.mark.parametrize(
    ("seconds", "holds"),
    [(0, True), (KEPT_SECONDS - 1, True), (KEPT_SECONDS, False), (3_600, False), (-1, False), (-3_600, False)],
)
def test_it_holds_for_five_seconds_also_where_a_clock_is_set_back(memory: Memory, seconds: int, holds: bool):
    keep(memory, "acme")

    assert (memory.find("acme", NOW + timedelta(seconds=seconds)) is not None) is holds


def test_what_was_never_read_is_not_there(memory: Memory):
    memory.place("acme")

    assert memory.find("acme", NOW) is None
    assert memory.find("other", NOW) is None


def test_what_was_changed_is_forgotten_at_once(memory: Memory):
    keep(memory, "acme")
    keep(memory, "other")

    memory.forget("acme")
    memory.forget("never-read")

    assert memory.find("acme", NOW) is None
    assert memory.find("other", NOW) == "sorter"


def test_of_more_workspaces_than_are_kept_the_longest_unused_goes(memory: Memory):
    for number in range(WORKSPACES):
        keep(memory, f"w{number}")
    memory.place("w0")
    keep(memory, "one more")

    assert memory.find("w1", NOW) is None
    assert memory.find("w0", NOW) == "sorter"


@pytest.mark.parametrize("commits", [True, False])
async def test_only_what_is_committed_is_forgotten(desk, commits: bool):
    memory, now = desk.api.db.meters.of(Memory), desk.api.clock.now()
    kept = memory.place("acme")
    kept.sorter, kept.until = "sorter", now + KEPT

    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        forget_after_commit(session)
        assert memory.find("acme", now) == "sorter"
        if not commits:
            await session.rollback()

    assert (memory.find("acme", now) is None) is commits
