"""Which tier a test is in follows from what it asks for."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest

@pytest.fixture
def databases(): ...
@pytest.fixture
def database(databases): ...
@pytest.fixture
def embedded_deployment(): ...
@pytest.fixture
def kafka_broker(): ...

def test_rule(): ...
def test_door(database): ...
def test_process(embedded_deployment): ...
def test_broker(database, kafka_broker): ...
@pytest.mark.slow
def test_said(): ...
"""


TELL = """
from opsloop_common.testing.tiers import sort_into_tiers

def pytest_collection_modifyitems(items):
    sort_into_tiers(items)

def pytest_collection_finish(session):
    for item in session.items:
        print(item.name, *sorted({"quick", "slow", "kafka"} & {mark.name for mark in item.iter_markers()}))
"""


def test_the_tier_follows_from_the_fixtures(pytester: pytest.Pytester):
    pytester.makepyfile(SUITE)
    pytester.makeconftest(TELL)
    pytester.makeini(
        "[pytest]\nmarkers =\n    quick\n    slow\n    kafka\nasyncio_default_fixture_loop_scope = function\n"
    )

    done = pytester.runpytest_inprocess("--collect-only", "-q")

    assert [line for line in done.outlines if line.startswith("test_") and "::" not in line] == [
        "test_broker kafka slow",
        "test_rule quick",
        "test_door",
        "test_process slow",
        "test_said slow",
    ]


def test_the_plugin_sorts_this_run(request: pytest.FixtureRequest):
    assert request.node.get_closest_marker("quick")
