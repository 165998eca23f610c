"""`opsloop demo` is the tour of the README: it has to tell the whole story every time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import harness

pytestmark = pytest.mark.slow


@pytest.mark.timeout(240)
def test_the_demo_tells_the_story_to_its_end():
    done = subprocess.run(
        [sys.executable, "-m", "opsloop", "demo"],
        env=harness.environment(OPSLOOP_OUTBOUND="public"),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
    told = [line.partition(" s  ")[2] for line in done.stdout.splitlines() if " s  " in line]
    assert [line for line in told if "signature verified" in line] == [
        line for line in told if line.startswith(("Webhook kpi.breached", "Webhook kpi.recovered"))
    ]
    assert "guest    failed (no_address)" in done.stdout
    assert "支付问题正在修复" in done.stdout
    assert told[-1].startswith("That was the loop")
