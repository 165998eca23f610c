"""No test sleeps and hopes: it waits for a condition in a loop with a deadline, or says on the line what the time stands for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs/common/tests", "services", "deploy/embedded/tests", "tests")
LOOPS = (ast.While, ast.For, ast.AsyncFor)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEADLINES = {"timeout", "timeout_at", "wait_for"}
CLOCKS = {"monotonic", "perf_counter", "time", "deadline"}


def bare_sleeps(source: str) -> list[int]:
    """Return the lines of sleeps that give no reason and stand in no loop that ends; `sleep(0)` is no sleep.

    A loop ends that is a `for`, or stands in a function that sets a time-out or compares a clock.
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    found = [call.lineno for call, ends in _sleeps(tree, ends=False, deadline=False) if not ends]
    return [line for line in found if "#" not in lines[line - 1]]


def _sleeps(node: ast.AST, *, ends: bool, deadline: bool) -> list[tuple[ast.Call, bool]]:
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and _sleeps_for_a_time(child):
            found.append((child, ends))
        if isinstance(child, FUNCTIONS):
            found += _sleeps(child, ends=False, deadline=_has_deadline(child))
        elif isinstance(child, LOOPS):
            found += _sleeps(child, ends=deadline or isinstance(child, ast.For), deadline=deadline)
        else:
            found += _sleeps(child, ends=ends, deadline=deadline)
    return found


def _has_deadline(function: ast.AST) -> bool:
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    compared = [part for node in ast.walk(function) if isinstance(node, ast.Compare) for part in ast.walk(node)]
    return any(_name(call) in DEADLINES for call in calls) or any(_name(part) in CLOCKS for part in compared)


def _name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _sleeps_for_a_time(call: ast.Call) -> bool:
    function = call.func
    named = isinstance(function, ast.Attribute) and function.attr == "sleep" and isinstance(function.value, ast.Name)
    is_a_turn = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
    return named and function.value.id in {"asyncio", "time"} and not is_a_turn  # type: ignore[union-attr,attr-defined]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def t():\n    await asyncio.sleep(1)\n", [2]),
        ("def t():\n    time.sleep(x)\n", [2]),
        ("async def t():\n    await asyncio.sleep(0)\n", []),
        ("async def t():\n    await asyncio.sleep(1)  # the outage\n", []),
        ("async def t():\n    while not done():\n        await asyncio.sleep(1)\n", [3]),
        (
            "async def t():\n    while not done():\n        await asyncio.sleep(1)  # the test's own time-out ends it\n",
            [],
        ),
        ("async def t():\n    began = time.monotonic()\n    while not done():\n        await asyncio.sleep(1)\n", [4]),
        ("def t():\n    while time.monotonic() < end:\n        time.sleep(1)\n", []),
        ("def t():\n    while not done():\n        assert now() < deadline\n        time.sleep(1)\n", []),
        (
            "async def t():\n    async with asyncio.timeout(5):\n        while not done():\n            await asyncio.sleep(1)\n",
            [],
        ),
        ("async def t():\n    for _ in range(9):\n        await asyncio.sleep(1)\n", []),
        ("async def t():\n    async for _ in all():\n        await asyncio.sleep(1)\n", [3]),
        ("def t():\n    for _ in range(9):\n        while not done():\n            time.sleep(1)\n", [4]),
        ("while True:\n    def t():\n        time.sleep(1)\n", [3]),
    ],
)
def test_what_a_bare_sleep_is(source: str, expected: list[int]):
    assert bare_sleeps(source) == expected


def test_no_test_sleeps_and_hopes():
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*.py"))
        if "tests" in file.relative_to(ROOT).parts and "sleep(" in file.read_text()
        for line in bare_sleeps(file.read_text())
    ]

    assert found == []
