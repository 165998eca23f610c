"""What every run of tests of this repository does besides the plugin that ships with common."""

from __future__ import annotations

from tests.architecture.touches import TOUCHES

pytest_plugins = ["tests.architecture.walls", "services.metrics.tests.engine"]

TOUCHES.listen()  # here and in no hook: those come after the folders' own conftests, which import the services


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are named by their length (packed ones carry the time, and every process must name a test alike), long texts by their start."""
    if isinstance(val, bytes | bytearray):
        return f"{len(val)}-bytes"
    return f"{val[:60]}-{len(val)}-long" if isinstance(val, str) and len(val) > 100 else None
