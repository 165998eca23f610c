"""Each room has at least as many lines of tests as of code; `pytest -s tests/architecture/test_room_sizes.py` prints the table."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_ROOMS = {"migrations", "testing", "contracts", "plumbing", "__pycache__"}
ROOM_OF = {
    # door tests that name no module of the service, and whose own name begins with no room's
    "campaigns/test_four_eyes.py": "approvals",
    "campaigns/test_meters.py": "playbooks",
    "campaigns/test_migrations.py": "approvals",
    "campaigns/test_playbook_runs.py": "playbooks",
    "campaigns/test_playbooks_api.py": "playbooks",
}
SHORT_BY = {
    "campaigns/lifecycle": 204,
    "campaigns/playbooks": 156,
    "campaigns/recipients": 173,
    "feedback/triage": 560,
    "metrics/breaches": 140,
    "metrics/events": 93,
    "notifications/eventlog": 192,
    "notifications/queues": 23,
    "common/access": 323,
    "common/bus": 122,
    "common/front": 232,
    "common/http": 623,
    "common/inbox": 82,
    "common/outbound": 260,
    "common/runner": 100,
    "common/(root)": 2_813,
}
"""Rooms that stood before the rule, and how many lines of tests they lack at most. A number may only become smaller."""
SLACK = 60
"""Lines that an allowance may exceed what is lacking by: whoever writes more tests than that makes the number smaller."""
BESIDE = "(root)"
"""The modules of common that stand beside its rooms, as one room. A test file that names no room counts for them if it names one."""


def lines(file: Path) -> int:
    return file.read_text().count("\n")


@cache
def sizes() -> dict[str, tuple[int, int]]:
    """Return the lines of code and of tests of each room. A test file counts in equal parts for the rooms that it names."""
    found: dict[str, tuple[int, int]] = {}
    for package in (*sorted(ROOT.glob("services/*/opsloop_*")), ROOT / "libs/common/opsloop_common"):
        folders = [path for path in package.iterdir() if path.is_dir() and path.name not in NOT_ROOMS]
        tests = lines_by_room(package, {path.name for path in folders})
        for room in sorted(folders):
            code = sum(lines(file) for file in room.rglob("*.py"))
            found[f"{package.parent.name}/{room.name}"] = (code, round(tests[room.name]))
        if package.name == "opsloop_common":
            beside = sum(lines(file) for file in package.glob("*.py"))
            found[f"{package.parent.name}/{BESIDE}"] = (beside, round(tests[BESIDE]))
    return found


def lines_by_room(package: Path, rooms: set[str]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for file in (package.parent / "tests").glob("*.py"):
        named = rooms_of(file, package.name, rooms)
        if not named and rooms_of(file, package.name, {module.stem for module in package.glob("*.py")}):
            named = {BESIDE}
        for room in named:
            found[room] += lines(file) / len(named)
    return found


def rooms_of(file: Path, package: str, rooms: set[str]) -> set[str]:
    """Return the rooms that a test file is about: the one it is called after, else those it imports from."""
    source = file.read_text()
    pattern = rf"{package}\.(\w+)|from {package} import ([\w, ]+)"
    named = {word for found in re.finditer(pattern, source) for word in re.findall(r"\w+", found[1] or found[2])}
    told = ROOM_OF.get(f"{file.parents[1].name}/{file.name}")
    called_after = sorted((room for room in rooms if file.stem.startswith(f"test_{room}")), key=len)
    return set(called_after[-1:]) or (named & rooms) or ({told} if told else set())


def test_each_room_has_as_many_lines_of_tests_as_of_code():
    print(f"\n{'room':32} {'code':>6} {'tests':>6} {'share':>6}")
    for room, (code, tests) in sizes().items():
        print(f"{room:32} {code:6} {tests:6} {tests / max(code, 1):6.2f}")

    lacking = {room: code - tests for room, (code, tests) in sizes().items()}
    assert {room: lack for room, lack in lacking.items() if lack > SHORT_BY.get(room, 0)} == {}


def test_what_is_excepted_still_lacks_something():
    assert {room for room in SHORT_BY if room not in sizes() or sizes()[room][0] <= sizes()[room][1]} == set()


def test_no_allowance_is_larger_than_it_has_to_be():
    lacking = {room: code - tests for room, (code, tests) in sizes().items()}

    assert {room: lacking[room] for room, allowed in SHORT_BY.items() if allowed - lacking.get(room, 0) > SLACK} == {}
