"""No test sleeps and hopes: it waits for a condition in a loop, or says on the line what the time stands for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs/common/tests", "services", "deploy/embedded/tests", "tests")
LOOPS = (ast.While, ast.For, ast.AsyncFor)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def bare_sleeps(source: str) -> list[int]:
    """Return the lines of sleeps that stand in no loop of their function and give no reason; `sleep(0)` is no sleep."""
    lines = source.splitlines()
    found = [node.lineno for node, in_a_loop in _sleeps(ast.parse(source), in_a_loop=False) if not in_a_loop]
    return [line for line in found if "#" not in lines[line - 1]]


def _sleeps(node: ast.AST, *, in_a_loop: bool) -> list[tuple[ast.Call, bool]]:
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and _sleeps_for_a_time(child):
            found.append((child, in_a_loop))
        found += _sleeps(child, in_a_loop=not isinstance(child, FUNCTIONS) and (in_a_loop or isinstance(child, LOOPS)))
    return found


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
        ("async def t():\n    while not done():\n        await asyncio.sleep(1)\n", []),
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
