"""What a test needs of the machine: it is skipped where that is lacking, and fails where everything must be tried."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """Say whether a missing prerequisite must fail rather than skip."""
    return os.environ.get("CI", "").lower() == "true"


def end_without(reason: str) -> NoReturn:
    """End a test for what this machine lacks: skipped, failed in CI."""
    (pytest.fail if in_ci() else pytest.skip)(reason)
