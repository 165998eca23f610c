"""Which tier a test is in follows from what it asks for."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        ("quick", ["test_rule"]),
        ("slow", ["test_broker", "test_process", "test_said"]),
        ("kafka", ["test_broker"]),
        ("not slow", ["test_rule", "test_door"]),
    ],
)
def test_the_tier_follows_from_the_fixtures(pytester: pytest.Pytester, tier: str, expected: list[str]):
    pytester.makepyfile(SUITE)
    pytester.makeini(
        "[pytest]\nmarkers =\n    quick\n    slow\n    kafka\nasyncio_default_fixture_loop_scope = function\n"
    )

    done = pytester.runpytest_subprocess("-p", "opsloop_common.testing.plugin", "--collect-only", "-q", "-m", tier)

    assert [line.rpartition("::")[2] for line in done.outlines if "::" in line] == expected
