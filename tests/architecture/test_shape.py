"""The shape of the house, as far as a linter does not already hold it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from grimp import build_graph

from tests.architecture.rooms import FURTHER, unknown, violation

ROOT = Path(__file__).parents[2]
NOT_SLICES = {"migrations", "__pycache__"}
FILE_LINES = 400
SLICE_LINES = 1_200
PACKAGES = (
    "opsloop",
    "opsloop_common",
    "opsloop_feedback",
    "opsloop_metrics",
    "opsloop_campaigns",
    "opsloop_notifications",
)


def sources() -> list[Path]:
    folders = ("libs", "services", "deploy", "tests", "bench")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts]


def lines(path: Path) -> int:
    return path.read_text().count("\n")


def slice_sizes() -> dict[str, int]:
    folders = [path for path in ROOT.glob("services/*/opsloop_*/*") if path.is_dir() and path.name not in NOT_SLICES]
    return {f"{path.parents[1].name}/{path.name}": sum(map(lines, path.rglob("*.py"))) for path in folders}


def cycles() -> list[str]:
    """Return imports that close a cycle between modules or packages beside each other, those for types alone included."""
    graph = build_graph(*PACKAGES, exclude_type_checking_imports=False)
    packages = [module for module in sorted(graph.modules) if graph.find_children(module)]
    return [f"{one} -> {other}" for package in packages for one, other in graph.nominate_cycle_breakers(package)]


def test_no_file_no_slice_outgrows_its_bounds_and_imports_make_no_cycle():
    """`pytest -s tests/architecture/test_shape.py` prints how far it is to each bound."""
    files = {path.relative_to(ROOT).as_posix(): lines(path) for path in sources()}
    products = {
        name: n for name, n in files.items() if "/tests/" not in name and not name.startswith(("tests", "bench"))
    }
    slices, closing = slice_sizes(), cycles()

    print(f"\nlargest slice: {max(slices, key=slices.__getitem__)}, {max(slices.values())} of {SLICE_LINES} lines")
    print(f"largest file:  {max(products, key=products.__getitem__)}, {max(products.values())} of {FILE_LINES} lines")
    print(f"import cycles: {len(closing)}")
    assert {name: n for name, n in slices.items() if n > SLICE_LINES} == {}
    assert {name: n for name, n in files.items() if n > FILE_LINES} == {}
    assert closing == []


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
        (f"{A}.slice", f"{A}.timers", True),
        (f"{A}.slice", f"{A}.models", True),
        ("opsloop_feedback.app", f"{A}.slice", True),
        (f"{A}.routes", f"{A}.slice", False),
        (f"{A}.service", f"{A}.slice", False),
        (f"{B}.slice", f"{A}.slice", False),
        (f"{A}.routes", f"{A}.quick", True),
        (f"{A}.quick", f"{A}.service", False),
        (f"{B}.rules", f"{B}.scanner", True),
        (f"{B}.scanner", f"{B}.rules", False),
        (f"{A}.service", f"{B}.scanner", False),
        (f"{A}.routes.public", f"{A}.service", True),
        (f"{A}.service.merging", f"{A}.routes", False),
        (f"{A}.service.merging", f"{A}.service.splitting", True),
        (f"{A}.service", f"{B}.service.merging", False),
        (f"{A}.service", B, False),
        (f"{A}.models", "opsloop_feedback.settings", True),
        (f"{A}.service", "opsloop_feedback.tables", False),
        (f"{A}.service", "opsloop_feedback.app", False),
        ("opsloop_feedback.app", "opsloop_feedback.settings", True),
        ("opsloop_feedback.app", f"{A}.queries", False),
        ("opsloop_feedback.settings", f"{A}.rules", True),
        ("opsloop_feedback.settings", f"{A}.queries", False),
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


@pytest.mark.parametrize(
    ("module", "is_known"),
    [
        ("opsloop_feedback.app", True),
        ("opsloop_feedback.migrations.versions.0001_first", True),
        ("opsloop_feedback.queues", False),
        (f"{A}.routes", True),
        (f"{A}.meters", True),
        (f"{A}.quick", True),
        (f"{B}.quick", False),
        (f"{A}.odds", False),
        (f"{A}.routes.public", True),
        (f"{A}.odds.service", False),
    ],
)
def test_a_module_has_a_known_name_or_one_that_is_listed(module, is_known):
    assert (unknown(module) is None) is is_known


def test_what_is_listed_is_there():
    def is_there(module: str) -> bool:
        service, room, name = module.split(".")
        path = ROOT / "services" / service / f"opsloop_{service}" / room / name
        return path.is_dir() or path.with_suffix(".py").is_file()

    assert [module for module in FURTHER if not is_there(module)] == []


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
        "services/feedback/opsloop_feedback/clusters/finding.py",
        "services/feedback/opsloop_feedback/learning/service.py",
        "libs/common/opsloop_common/http/body.py",
        "libs/common/opsloop_common/http/routing.py",
        "libs/common/opsloop_common/http/vendors.py",
        "services/feedback/opsloop_feedback/feedback_imports/routes.py",
        "services/feedback/opsloop_feedback/feedback_imports/service.py",
        "services/feedback/opsloop_feedback/intake/routes.py",
        "services/feedback/opsloop_feedback/intake/service.py",
        "services/metrics/opsloop_metrics/capture_log/service.py",
        "services/metrics/opsloop_metrics/doors.py",
        "services/metrics/opsloop_metrics/event_imports/routes.py",
        "services/metrics/opsloop_metrics/event_imports/service.py",
        "services/metrics/opsloop_metrics/recording/service.py",
        "services/notifications/opsloop_notifications/alert_rules/routes.py",
        "services/notifications/opsloop_notifications/recipient_imports/routes.py",
        "services/notifications/opsloop_notifications/recipient_imports/service.py",
    }
