"""`opsloop demo` is the tour of the README: it has to tell the whole story every time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import httpx
import psutil
import pytest

from tests import harness

pytestmark = pytest.mark.slow
FUNNEL = """
                              Visited      Signed Up           Paid    median
          all                     120     56 (46.7%)     22 (39.3%)    33.2 h
          $none                    40     12 (30.0%)      2 (16.7%)    81.6 h
          newsletter               40     25 (62.5%)     13 (52.0%)    26.2 h
          微信                     40     19 (47.5%)      7 (36.8%)    31.1 h
"""
RETENTION = """
          week 1   14  100.0%  50.0%  57.1%  71.4%
          week 2   22  100.0%  50.0%  68.2%
          week 3   20  100.0%  65.0%
          week 4   22  100.0%
          mean         100.0%  55.4%  63.9%  71.4%
"""
"""What the app's events come to, the same on every day."""


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
    assert FUNNEL in done.stdout
    assert RETENTION in done.stdout
    assert [line.partition(":")[0] for line in told[-6:-1]] == ["Who", "What matters", "Measured", "Unusual", "Why"]
    assert "“Signed up, never paid” has 50 people" in done.stdout
    assert "Measured: 18.3% < 20%, warning" in done.stdout
    assert "is at risk, told by goal.at_risk" in done.stdout


@pytest.mark.timeout(300)
def test_a_kept_one_runs_on_and_a_guest_leaves_it_as_it_was():
    environment = harness.environment(OPSLOOP_OUTBOUND="public")
    command = [sys.executable, "-m", "opsloop", "demo"]
    kept = subprocess.run(
        [*command, "--keep"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    told = dict(re.findall(r"^ +(address|key|data|stop) +(.+)$", kept.stdout, re.MULTILINE))
    pid = int(told["stop"].removeprefix("kill "))
    try:
        before = _held(told)
        guest = subprocess.run(
            [*command, "--url", told["address"]],
            env=environment | {"OPSLOOP_BOOTSTRAP_KEY": told["key"]},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (kept.returncode, guest.returncode) == (0, 0), f"{kept.stdout}\n{guest.stdout}"
        assert len(before["/metrics/v1/kpis"]) == 4
        assert len(before["/notifications/v1/api-keys"]) == 1
        assert _held(told) == before
        assert "Traceback" not in kept.stderr + guest.stderr
    finally:
        process = psutil.Process(pid)
        process.terminate()
        process.wait(60)
        shutil.rmtree(told["data"])


def _held(told: dict[str, str]) -> dict[str, list[object]]:
    lists = ("/metrics/v1/kpis", "/campaigns/v1/playbooks", "/notifications/v1/webhooks")
    found = {}
    for path in (*lists, *(f"/{service}/v1/api-keys" for service in harness.SERVICES)):
        answer = httpx.get(f"{told['address']}/api{path}", headers={"Authorization": f"Bearer {told['key']}"})
        found[path] = [item["id"] for item in answer.raise_for_status().json()["items"]]
    return found
