"""What `make` is told is refused where it makes no sense, before anything runs; and it removes nothing that cannot be made again."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from opsloop_common.testing.prerequisites import end_without

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def told(service: str) -> subprocess.CompletedProcess[str]:
    """Return what `make test` would do, which `-n` only prints."""
    command = ["make", "-n", "test", f"SERVICE={service}", "ARGS="]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_service_without_tests_is_refused_and_those_there_are_are_named():
    refused = told("feedbck")

    assert refused.returncode != 0
    assert (
        "SERVICE=feedbck has no tests; there are: campaigns common embedded feedback metrics notifications"
        in refused.stderr
    )
    assert "pytest" not in refused.stdout


@pytest.mark.parametrize(
    ("service", "folder"),
    [("feedback", "services/feedback/tests"), ("common", "libs/common/tests"), ("embedded", "deploy/embedded/tests")],
)
def test_a_service_is_where_its_tests_are(service: str, folder: str):
    assert f" {folder} " in told(service).stdout


def test_without_a_service_everything_runs():
    assert "/tests" not in told("").stdout.partition("-m pytest")[2]


DATA = ("postgres/PG_VERSION", "postgres/base", "secret.key", "operator.key", "lock")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with our Makefile, data in `.opsloop`, an `.env`, caches, and an environment whose `opsloop` says nothing."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = [f".opsloop/{name}" for name in DATA] + [".env", "feedback.dump", "notes.txt"]
    remade = [".venv/.ready", ".venv/bin/opsloop", ".mypy_cache/x", ".hypothesis/x", "services/__pycache__/x"]
    for name in [*kept, *remade, "data dir/secret.key", "data dir/mine.txt", ".opsloop/mine.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    say(tmp_path, status=4)
    return tmp_path


def say(checkout: Path, *, status: int) -> None:
    """Let `opsloop status` end with that status there."""
    command = checkout / ".venv/bin/opsloop"
    command.write_text(f"#!/bin/sh\nexit {status}\n")
    command.chmod(0o700)


def made(checkout: Path, target: str, answer: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    # -o: the environment is there, however old it is
    command = ["make", "-s", "-o", ".venv/.ready", target]
    return subprocess.run(
        command,
        cwd=checkout,
        env={"PATH": os.environ["PATH"]} | settings,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_clean_removes_what_can_be_made_again_and_nothing_else(checkout: Path):
    before = files(checkout)

    assert made(checkout, "clean").returncode == 0

    gone = before - files(checkout)
    assert {name.partition("/")[0] for name in gone} == {".venv", ".mypy_cache", ".hypothesis", "services"}


@pytest.mark.parametrize(
    ("answer", "status", "removed"),
    [("yes\n", 4, True), ("yes", 4, True), ("y\n", 4, False), ("", 4, False), ("no\n", 4, False)]
    + [("yes\n", runs_or_is_not_there, False) for runs_or_is_not_there in (0, 1, 3)],
)
def test_data_is_removed_by_its_own_target_after_a_yes(checkout: Path, answer: str, status: int, removed: bool):
    say(checkout, status=status)
    before = files(checkout)

    told = made(checkout, "remove-data", answer)

    assert before - files(checkout) == ({f".opsloop/{name}" for name in DATA} if removed else set())
    assert (told.returncode == 0) is removed


def test_data_is_removed_where_the_setting_says_and_what_is_not_ours_stays(checkout: Path):
    before = files(checkout)

    told = made(checkout, "remove-data", "yes\n", OPSLOOP_DATA_DIR="data dir")

    assert "data dir" in told.stdout
    assert before - files(checkout) == {"data dir/secret.key"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty repository that ignores what this one does; the tests may run in a copy that is none."""
    if shutil.which("git") is None:
        end_without("there is no git")
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", folder], check=True)
    shutil.copy(ROOT / ".gitignore", folder)
    return folder


@pytest.mark.parametrize(
    ("name", "is_ignored"),
    [
        (".env", True),
        (".opsloop/secret.key", True),
        ("feedback.dump", True),
        (".opsloop/operator.key", True),
        ("deploy/compose/env.example", False),
    ],
)
def test_git_ignores_secrets_and_data_and_keeps_the_example(repository: Path, name: str, is_ignored: bool):
    asked = subprocess.run(["git", "check-ignore", "-q", name], cwd=repository, check=False)

    assert asked.returncode == (0 if is_ignored else 1)
