"""What every run of tests of this repository does besides the plugin that ships with common."""

from __future__ import annotations

from tests.architecture.touches import TOUCHES

pytest_plugins = ["tests.architecture.walls", "services.metrics.tests.engine"]

TOUCHES.listen()  # here and in no hook: those come after the folders' own conftests, which import the services
