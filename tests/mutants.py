"""Change every rule a little and see whether its tests notice: `make mutants`, or `python -m tests.mutants PATH…`.

The changes are mutmut's; its own runner copies a whole project and names modules by their path, which does not fit five
distributions in one tree. Here the tests of a file are collected once, and each change is tried in a fork of that process, which
takes as long as the tests themselves.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import run
from types import CodeType, FunctionType
from typing import Any

import libcst as cst
import pytest
from hypothesis import Phase, settings
from mutmut.mutation.file_mutation import Mutation, create_mutations, deep_replace

ROOT = Path(__file__).parents[1]
PURE = (
    "services/*/opsloop_*/**/rules.py",
    "libs/common/opsloop_common/**/rules.py",
    "libs/common/opsloop_common/conditions.py",
    "libs/common/opsloop_common/mailboxes.py",
)
WANTED_SHARE = 0.8
SECONDS_EACH = 20  # a changed loop may have no end
AT_ONCE = int(os.environ.get("WORKERS", "2"))


@dataclass
class Outcome:
    """What came of one file."""

    file: str
    tests: int = 0
    mutants: int = 0
    seconds: float = 0.0
    survivors: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Return how many of the changes were noticed."""
        return 1 - len(self.survivors) / self.mutants if self.mutants else 1.0


def targets(paths: list[str]) -> list[Path]:
    """Return the files of pure rules, or those that were named."""
    return [ROOT / path for path in paths] or sorted(path for pattern in PURE for path in ROOT.glob(pattern))


def module_of(file: Path) -> str:
    """Return the name that a file is imported by."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts[2:])


def tests_of(file: Path) -> list[str]:
    """Return the test files of the same distribution that name the module."""
    package, _, name = module_of(file).rpartition(".")
    named = re.compile(rf"{re.escape(package)}\.{name}\b|from {re.escape(package)} import [^\n]*\b{name}\b")
    folder = file.relative_to(ROOT).parts[:2]
    return sorted(
        str(path) for path in ROOT.joinpath(*folder, "tests").glob("test_*.py") if named.search(path.read_text())
    )


def main(paths: list[str]) -> int:
    """Try all files, print the table, and say whether each reaches the share that is wanted."""
    outcomes = []
    with ThreadPoolExecutor(AT_ONCE) as workers:
        for each in workers.map(_in_a_process, targets(paths)):
            outcomes.append(each)
            for survivor in each.survivors:
                print(f"{each.file}:{survivor}\n", flush=True)
    print(f"{'file':64} {'tests':>5} {'mutants':>7} {'killed':>6} {'share':>6} {'seconds':>7}")
    for each in outcomes:
        killed = each.mutants - len(each.survivors)
        print(f"{each.file:64} {each.tests:5} {each.mutants:7} {killed:6} {each.share:6.0%} {each.seconds:7.0f}")
    return int(any(each.share < WANTED_SHARE for each in outcomes))


def _in_a_process(file: Path) -> Outcome:
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [sys.executable, "-m", "tests.mutants", "--one", str(file), answer.name]
        done = run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}", flush=True)
            return Outcome(
                str(file.relative_to(ROOT)), mutants=1, survivors=["0 all\n  its tests fail without any change"]
            )
        return Outcome(**json.loads(Path(answer.name).read_text()))


def _one(file: Path, answer: Path) -> None:
    settings.register_profile(
        "mutants", phases=(Phase.explicit, Phase.generate), database=None, deadline=None, derandomize=True
    )
    settings.load_profile("mutants")
    outcome = Outcome(str(file.relative_to(ROOT)))
    arguments = [
        "-q",
        "-m",
        "quick",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        *tests_of(file),
    ]
    if tests_of(file):
        status = pytest.main(arguments, plugins=[Trial(file, outcome)])
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise SystemExit(f"{file}: its tests fail without any change")
    if not outcome.tests:
        outcome.survivors = [place for place, *_ in changes(file)]
        outcome.mutants = len(outcome.survivors)
    answer.write_text(json.dumps(asdict(outcome)))


class Trial:
    """Runs the collected tests once as they are, then for each change those that enter the changed function, until one fails."""

    def __init__(self, file: Path, outcome: Outcome) -> None:
        self.file = file
        self.outcome = outcome
        self.reaching: dict[CodeType, list[tuple[float, pytest.Item]]] = defaultdict(list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note which functions a test enters, and how long it takes."""
        entered: set[CodeType] = set()
        began = time.monotonic()
        sys.setprofile(lambda frame, event, _: entered.add(frame.f_code) if event == "call" else None)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            for code in entered:
                if code.co_filename == str(self.file):
                    self.reaching[code].append((time.monotonic() - began, item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Let pytest run the tests, then try the changes."""
        done = yield
        if not session.testsfailed:
            self._try(session)
        return done

    def _try(self, session: pytest.Session) -> None:
        began = time.monotonic()
        self.outcome.tests = len(session.items)
        session.config.pluginmanager.unregister(self)
        gc.freeze()  # a fork then shares what was there before, instead of copying it at its first collection
        for place, function, code in changes(self.file):
            self.outcome.mutants += 1
            quickest_first = sorted(self.reaching[function.__code__], key=lambda reached: reached[0])
            if not is_noticed([item for _, item in quickest_first], function, code):
                self.outcome.survivors.append(place)
        self.outcome.seconds = time.monotonic() - began


def changes(file: Path) -> Iterator[tuple[str, FunctionType, CodeType]]:
    """Yield each change: what it is, the function, and the code that the function has then."""
    source = file.read_text()
    module, mutations, *_ = create_mutations(str(file), source)
    functions = dict(_functions(importlib.import_module(module_of(file))))
    for mutation in mutations:
        outer = mutation.contained_by_top_level_function
        if not isinstance(outer, cst.FunctionDef):
            continue
        changed = deep_replace(module, mutation.original_node, mutation.mutated_node)
        assert isinstance(changed, cst.Module)
        codes = dict(_codes(compile(changed.code, str(file), "exec")))
        for name, function in functions.items():
            if name.split(".")[-1] == outer.name.value and codes[name] != function.__code__:
                yield _described(source, module, mutation), function, codes[name]


def _functions(module: Any) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions and methods that a module defines, by their qualified names."""
    for thing in vars(module).values():
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        for each in vars(thing).values() if isinstance(thing, type) else (thing,):
            inner = getattr(each, "__func__", getattr(each, "fget", each))
            if isinstance(inner, FunctionType) and inner.__code__.co_filename == module.__file__:
                yield inner.__qualname__, inner


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Yield the code of the functions and methods of a compiled module, by their qualified names."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_qualname, constant
            if not constant.co_flags & 0x02:  # no fast locals: the body of a class
                yield from _codes(constant)


def _described(source: str, module: cst.Module, mutation: Mutation) -> str:
    before, after = (module.code_for_node(node).strip() for node in (mutation.original_node, mutation.mutated_node))
    name = mutation.contained_by_top_level_function.name.value  # type: ignore[union-attr]
    line = source[: source.find(f"def {name}(")].count("\n") + 1
    return f"{line} {name}\n  - {before}\n  + {after}"


def is_noticed(items: list[pytest.Item], function: FunctionType, code: CodeType) -> bool:
    """Say whether one of the tests fails, or has no end, when `function` has that code; tried in a fork."""
    if not items:
        return False
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_REAL, SECONDS_EACH)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        function.__code__ = code
        os._exit(int(_fails(items)))
    _, status = os.waitpid(child, 0)
    return status != 0


def _fails(items: list[pytest.Item]) -> bool:
    session = items[0].session
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return True
    return False


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main(sys.argv[1:]))
