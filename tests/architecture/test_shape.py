"""The shape of the house, as far as a linter does not already hold it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.rooms import violation

ROOT = Path(__file__).parents[2]
LINES = 400


def sources() -> list[Path]:
    folders = ("libs", "services", "deploy", "tests", "bench")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts]


def test_no_file_outgrows_its_room():
    long = {str(path.relative_to(ROOT)): n for path in sources() if (n := len(path.read_text().splitlines())) > LINES}

    assert long == {}


def test_no_drawer_for_odds_and_ends():
    odd = [path for path in sources() if path.stem in {"utils", "util", "helpers", "helper", "misc", "common_utils"}]

    assert odd == []


def test_every_service_has_its_floor_plan():
    for service in ("feedback", "metrics", "campaigns", "notifications"):
        plan = (ROOT / "services" / service / "README.md").read_text().splitlines()
        assert 10 < len(plan) <= 60, service


A = "opsloop_feedback.intake"
B = "opsloop_feedback.triage"


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        (f"{A}.routes", f"{A}.service", True),
        (f"{A}.routes", f"{A}.queries", True),
        (f"{A}.service", f"{A}.queries", True),
        (f"{A}.service", f"{A}.rules", True),
        (f"{A}.models", f"{A}.rules", True),
        (f"{A}.service", f"{B}.service", True),
        (f"{A}.service", f"{B}.rules", True),
        (f"{A}.models", "opsloop_feedback.tables", True),
        ("opsloop_feedback.app", f"{A}.routes", True),
        (f"{A}.slice", f"{A}.routes", True),
        (f"{A}.slice", f"{A}.jobs", True),
        (f"{A}.slice", f"{A}.models", True),
        ("opsloop_feedback.app", f"{A}.slice", True),
        (f"{A}.routes", f"{A}.slice", False),
        (f"{A}.service", f"{A}.slice", False),
        (f"{B}.slice", f"{A}.slice", False),
        (f"{A}.service", f"{A}.routes", False),
        (f"{A}.queries", f"{A}.service", False),
        (f"{A}.models", f"{A}.schemas", False),
        (f"{A}.schemas", f"{A}.models", False),
        (f"{A}.rules", f"{A}.models", False),
        (f"{A}.consumers", f"{A}.routes", False),
        (f"{A}.service", f"{A}.schemas", False),
        (f"{A}.service", f"{B}.queries", False),
        (f"{A}.queries", f"{B}.models", False),
    ],
)
def test_the_rooms_contract_says_who_may_know_whom(importer, imported, allowed):
    assert (violation(importer, imported) is None) is allowed


def test_only_what_holds_no_transaction_waits_for_its_turn():
    """Who waits for a turn inside a transaction holds a connection and locks meanwhile: there it is `breathing`."""
    waits = re.compile(r"\b(?:turn|in_turns)\(")
    found = {
        file.relative_to(ROOT).as_posix()
        for folder in ("libs/common/opsloop_common", "services", "deploy")
        for file in (ROOT / folder).rglob("*.py")
        if "tests" not in file.relative_to(ROOT).parts and waits.search(file.read_text())
    }

    assert found == {
        "libs/common/opsloop_common/turns.py",
        "libs/common/opsloop_common/http/body.py",
        "libs/common/opsloop_common/http/routing.py",
        "services/feedback/opsloop_feedback/intake/routes.py",
        "services/feedback/opsloop_feedback/intake/service.py",
    }
