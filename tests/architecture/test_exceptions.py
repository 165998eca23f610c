"""Who catches everything hides everything: few places may, and each says why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("libs/common/opsloop_common", "services", "deploy/embedded/opsloop")
NOT_PRODUCT = {"tests", "testing", "migrations", "__pycache__"}
A_THOUSAND_HAVE = 8
BROAD = {"Exception", "BaseException"}


def modules() -> Iterator[tuple[Path, list[str], ast.Module]]:
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not NOT_PRODUCT & set(path.relative_to(ROOT).parts):
                text = path.read_text()
                yield path.relative_to(ROOT), text.splitlines(), ast.parse(text)


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or (isinstance(one, ast.Name) and one.id in BROAD) for one in caught)


def test_broad_excepts_are_few_and_each_has_its_reason(capsys):
    functions = 0
    found: dict[str, str] = {}
    for path, lines, module in modules():
        for node in ast.walk(module):
            functions += isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                comment = lines[node.lineno - 1].partition("#")[2]
                found[f"{path}:{node.lineno}"] = comment.replace("noqa: BLE001", "").strip(" -")

    share = 1000 * len(found) / functions
    with capsys.disabled():
        print(f"\n{len(found)} broad excepts in {functions} functions: {share:.1f} in a thousand")
        for place, why in found.items():
            print(f"  {place}: {why}")
    assert [place for place, why in found.items() if len(why.split()) < 4] == []
    assert share <= A_THOUSAND_HAVE


def test_no_broad_except_is_overlooked():
    source = "try:\n    x\nexcept ({}):\n    y"
    for caught, broad in {"Exception": True, "(OSError, BaseException)": True, "(OSError, ValueError)": False}.items():
        [handler] = [node for node in ast.walk(ast.parse(source.format(caught))) if isinstance(node, ast.ExceptHandler)]
        assert is_broad(handler) is broad
    [bare] = [n for n in ast.walk(ast.parse("try:\n    x\nexcept:\n    y")) if isinstance(n, ast.ExceptHandler)]
    assert is_broad(bare)


BY_HAND = {
    "libs/common/opsloop_common/supervision.py": "the place itself",
    "libs/common/opsloop_common/direct.py": "a proof of a lock that fails is the end of the loop",
    "libs/common/opsloop_common/inbox/apply.py": "the tries of an event, which are counted and end",
    "libs/common/opsloop_common/runner/serve.py": "waits for a database that is just starting, or for the order to stop",
    "libs/common/opsloop_common/bus/kafka/watchdog.py": "asks on while the broker does not answer, which it reports",
}
"""Loops that catch, pause and go on outside the supervisor, and why."""


def catches_and_goes_on(node: ast.AST) -> bool:
    """Say whether a loop sleeps, and catches what happens in it."""
    if not isinstance(node, ast.While):
        return False
    inside = [each for each in ast.walk(node) if each is not node]
    sleeps = any(isinstance(each, ast.Attribute | ast.Name) and _name(each).endswith("sleep") for each in inside)
    waits = any(isinstance(each, ast.Attribute) and each.attr in {"timeout", "wait_for"} for each in inside)
    return (sleeps or waits) and any(isinstance(each, ast.ExceptHandler) for each in inside)


def _name(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def test_nobody_writes_a_retry_loop_by_hand():
    found = {str(path) for path, _, module in modules() if any(catches_and_goes_on(node) for node in ast.walk(module))}

    assert found == set(BY_HAND)
