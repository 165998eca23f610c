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


PARSERS = {
    "parsedate_to_datetime", "fromisoformat", "strptime", "get_unverified_header", "decode_complete", "from_dict", "loads",
    "urlsplit", "parse_qsl", "b64decode", "urlsafe_b64decode", "ip_address", "ip_network", "IPv4Address", "IPv6Address",
    "from_bytes", "decompress", "jwt.decode", "idna.encode", "idna.decode", "Locale.parse",
    *(f"client.{step}" for step in ("connect", "ehlo", "mail", "rcpt", "data", "rset", "noop", "quit", "send", "sendmail")),
}  # fmt: skip
"""What reads text of strangers, by the last part of its name, or the last two. What it may raise is nobody's promise."""
KNOWS_WHAT_IT_RAISES = {
    "libs/common/opsloop_common/settings.py": "reads what the operator wrote, and names the setting",
    "services/metrics/opsloop_metrics/settings.py": "reads what the operator wrote, and names the setting",
    "libs/common/opsloop_common/outbound/own_door.py": "reads what our own system says of a socket",
    "services/notifications/opsloop_notifications/mail/writing.py": "reads an address that was let in by its pattern",
    "deploy/embedded/opsloop/status.py": "reads what our own process says of itself",
}
"""Files in which types are named beside a parser all the same, and why that is no stranger's text."""


def parsers_called(tried: ast.Try) -> set[str]:
    """Return the parsers that a try calls itself, those inside a `reading()` of its own apart."""
    calls: set[str] = set()
    waiting: list[ast.AST] = list(tried.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.With) and any(ast.unparse(item.context_expr) == "reading()" for item in node.items):
            continue
        if isinstance(node, ast.Call):
            parts = ast.unparse(node.func).split(".")
            calls |= {parts[-1], ".".join(parts[-2:])} & PARSERS
        waiting += ast.iter_child_nodes(node)
    return calls


def test_no_list_of_types_stands_guard_over_a_parser_of_foreign_text():
    found = {
        str(path): f"{sorted(parsers_called(node))} at line {node.lineno}"
        for path, _, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Try) and parsers_called(node) and not all(map(is_broad, node.handlers))
    }

    assert {path: what for path, what in found.items() if path not in KNOWS_WHAT_IT_RAISES} == {}
    assert set(found) == set(KNOWS_WHAT_IT_RAISES)


def test_no_guarded_parser_is_overlooked():
    guarded = "try:\n    x = {}\nexcept ValueError:\n    pass"
    for call, seen in {
        "babel.Locale.parse(a)": True, "self.client.noop()": True, "smtp.client.rcpt(a)": True,
        "jwt.decode(a)": True, "f(orjson.loads(a))": True, "a.decode()": False, "datetime.fromisoformat(a)": True, "g(a)": False,
    }.items():  # fmt: skip
        [tried] = [node for node in ast.walk(ast.parse(guarded.format(call))) if isinstance(node, ast.Try)]
        assert bool(parsers_called(tried)) is seen
    inside = "try:\n    with reading():\n        x = jwt.decode(a)\nexcept Unreadable:\n    pass"
    [tried] = [node for node in ast.walk(ast.parse(inside)) if isinstance(node, ast.Try)]
    assert not parsers_called(tried)


def test_inside_reading_stands_a_parser_and_nothing_that_refuses_in_our_name():
    """A fault of ours in there would pass for a stranger's text."""
    found = {
        f"{path}:{node.lineno}"
        for path, _, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.With | ast.AsyncWith)
        and any(ast.unparse(item.context_expr) == "reading()" for item in node.items)
        and (len(node.body) > 3 or any(isinstance(each, ast.Raise) for inner in node.body for each in ast.walk(inner)))
    }

    assert found == set()
