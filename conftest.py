"""What every run of tests of this repository does besides the plugin that ships with common."""

from __future__ import annotations

pytest_plugins = ["tests.architecture.walls"]
