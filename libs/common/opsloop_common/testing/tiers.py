"""Which tests are quick, which are slow, which must not run beside each other: told from the fixtures that they ask for."""

from __future__ import annotations

import pytest

from opsloop_common.testing.quiet import MEASURED

DATABASE = {"databases", "postgres_server"}
PROCESSES = {"embedded_deployment", "distributed_deployment", "loop_deployment", "run_folder", "new_server"}
"""Whole processes and servers of a test's own: seconds each."""
BROKER = "kafka_broker"


def sort_into_tiers(items: list[pytest.Item]) -> None:
    """Mark each test with its tier; put first what takes long, so that no worker is left with it in the end.

    Tests with the broker are one group: they stop it, and it is started once a worker. What is measured comes last: beside it
    the other worker would stand idle, and it beside the other's tests, one after the other by turns.
    """
    for item in items:
        _mark(item)
    measured, slow = ({item.path for item in items if item.get_closest_marker(name)} for name in (MEASURED, "slow"))

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("kafka"):
            return 0
        return 3 if item.path in measured else 1 if item.path in slow else 2

    items.sort(key=place)


def _mark(item: pytest.Item) -> None:
    asked = set(getattr(item, "fixturenames", ()))
    if BROKER in asked:
        item.add_marker("kafka")
    if item.get_closest_marker("kafka"):
        item.add_marker(pytest.mark.xdist_group("kafka"))
    if item.get_closest_marker("kafka") or asked & PROCESSES:
        item.add_marker("slow")
    if not item.get_closest_marker("slow") and not asked & DATABASE:
        item.add_marker("quick")
