"""The page of dependencies is what the distributions name, under the licences that are installed."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9_.-]+")
ROW = re.compile(r"^\| ([a-z0-9.-]+) \| ([^|]+) \| ([^|]+) \| (\d{4}-\d\d) \| ([^|]+) \|$", re.MULTILINE)
ROWS = {row[1]: row for row in ROW.finditer((ROOT / "docs/dependencies.md").read_text())}


def named() -> set[str]:
    lines = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] not in "#-"]
    for path in (
        *ROOT.glob("libs/*/pyproject.toml"),
        *ROOT.glob("services/*/pyproject.toml"),
        ROOT / "deploy/embedded/pyproject.toml",
    ):
        project = tomllib.loads(path.read_text())["project"]
        lines += project.get("dependencies", [])
        lines += [line for extra in project.get("optional-dependencies", {}).values() for line in extra]
    names = {NAME.match(line).group().lower().replace("_", "-") for line in lines}
    return {name for name in names if not name.startswith("opsloop")}


def test_the_page_names_every_direct_dependency_and_no_other():
    assert set(ROWS) == named()


@pytest.mark.parametrize("package", sorted(ROWS))
def test_the_licence_on_the_page_is_the_installed_ones(package):
    installed = metadata.metadata(package)
    shown = ROWS[package][3]

    if expression := installed.get("License-Expression"):
        assert shown == expression
    else:  # older metadata: words, not an expression
        told = [each for each in installed.get_all("Classifier") or [] if each.startswith("License")]
        words = " ".join([installed.get("License") or "", *told]).strip()
        words = words or first_lines_of_licences(package)
        assert all(part.split("-")[0] in words for part in re.split(r" AND | OR ", shown)), words


def first_lines_of_licences(package: str) -> str:
    """Return how the licence files begin that a package brings, for one whose metadata say no more."""
    files = [file for file in metadata.files(package) or [] if "licenses" in file.parts]
    texts = [file.read_text().strip() for file in files]
    named = [
        "MIT" for text in texts if "Permission is hereby granted, free of charge" in text
    ]  # it need not say its name
    return " ".join([*named, *(text.partition("\n")[0] for text in texts)])


def test_nothing_is_locked_that_nobody_imports_any_more():
    locked = (ROOT / "requirements.lock").read_text()

    assert "\nlimits==" not in locked
    assert "pgserver" not in locked
    assert "://" not in locked
