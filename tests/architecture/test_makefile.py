"""What `make` is told is refused where it makes no sense, before anything runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
