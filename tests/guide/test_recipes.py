"""A stranger follows the guide: what it says is done to a copy of the repository, from the first recipe to the last."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guide.recipes import Block, blocks, follow, patched

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
RECIPES = ("add-a-room", "add-an-event", "add-a-consumer", "add-a-timer", "add-recurring-work", "add-a-port")
PACKAGES = (
    "libs/common",
    *(f"services/{path.name}" for path in sorted((ROOT / "services").iterdir())),
    "deploy/embedded",
)
COMMAND_SECONDS = 300
MYPY = ".mypy_cache"
WHAT_MUST_BE_GREEN = (
    "ruff check .",
    "ruff format --check .",
    "lint-imports",
    "python -m opsloop.contracts --check",
    "mypy services/feedback/opsloop_feedback",
    "python -m pytest -q services/feedback/tests/test_follow_ups.py services/feedback/tests/test_follow_ups_rules.py "
    "libs/common/tests/test_skeleton.py tests/architecture/test_walls.py tests/contracts/test_times.py "
    "tests/contracts/test_committed.py tests/contracts/test_every_route.py tests/contracts/test_resources.py "
    "tests/architecture/test_databases.py tests/architecture/test_resources.py tests/architecture/test_room_sizes.py "
    "tests/architecture/test_shape.py tests/architecture/test_slices.py "
    "-k 'not metrics and not campaigns and not notifications'",
)


class Copy:
    """A copy of the repository with an environment in which its packages are found before ours."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # what is new may not be in git yet
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        for name in filter(None, files.split("\0")):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        if (ROOT / MYPY).is_dir():
            shutil.copytree(ROOT / MYPY, root / MYPY)  # `make lint` fills it: 24 s less
        self._environment()

    def _environment(self) -> None:
        venv = self.root / ".venv"
        venv.mkdir()
        for part in Path(sys.prefix).iterdir():
            if part.name != ".ready":
                (venv / part.name).symlink_to(part)
        (venv / ".ready").touch()  # newer than all that was copied, so make has nothing to install

    def run(self, command: str) -> None:
        """Run a command there; its output when it fails."""
        ours = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OPSLOOP_", "PYTEST_", "MAKE", "ARGS"))
        }
        told = {
            "PATH": f"{self.root / '.venv' / 'bin'}{os.pathsep}{ours['PATH']}",
            "PYTHONPATH": os.pathsep.join(str(self.root / package) for package in PACKAGES),
        }
        done = subprocess.run(
            ["sh", "-ec", command],
            cwd=self.root,
            env=ours | told,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


@pytest.mark.slow
@pytest.mark.timeout(len(WHAT_MUST_BE_GREEN) * COMMAND_SECONDS)
def test_who_follows_the_guide_has_a_room_that_is_green(tmp_path: Path):
    copy = Copy(tmp_path)
    for recipe in RECIPES:
        follow((GUIDE / f"{recipe}.md").read_text(), copy.root, copy.run)

    for command in WHAT_MUST_BE_GREEN:
        copy.run(command)


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_does_something(recipe: str):
    done = list(blocks((GUIDE / f"{recipe}.md").read_text()))

    assert any(block.path.endswith(".py") and "def test_" in block.text for block in done), "and tests it"


def test_a_diff_is_held_to_what_is_there():
    block = Block("diff", "x.py", " a\n-b\n+c\n@@\n d\n+e\n")

    assert patched("a\nb\nd\n", block) == "a\nc\nd\ne\n"
    for source in ("a\nd\n", "a\nb\na\nb\nd\n"):
        with pytest.raises(ValueError, match=r"x\.py: [02] places"):
            patched(source, block)


def test_the_guide_leads_nowhere_that_is_not_there():
    pages = [*GUIDE.rglob("*.md"), ROOT / "libs" / "common" / "README.md"]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]

    assert len(links) > 20
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_floor_plan_of_common_shows_every_part():
    package = ROOT / "libs" / "common" / "opsloop_common"
    parts = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    shown = set(re.findall(r"`(\w+)`", (ROOT / "libs" / "common" / "README.md").read_text()))

    assert parts - shown == {"__init__"}
