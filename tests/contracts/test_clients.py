"""Clients in Python and TypeScript are generated from each committed contract without a lost route, and their types are right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from opsloop_common.testing.prerequisites import end_without

ROOT = Path(__file__).parents[2]
SERVICES = ("feedback", "metrics", "campaigns", "notifications")
METHODS = {"get", "put", "post", "patch", "delete"}
PYTHON_GENERATOR = ("openapi-python-client==0.29.1", "mypy==2.4.1", "ruff")
NODE_GENERATOR = ("@hey-api/openapi-ts@0.95.0", "typescript@5.9.3")
SECONDS = 280.0
# what the generator knows the contract's files and drawings as
CONTENT_TYPES = {
    "content_type_overrides": dict.fromkeys(
        (
            "application/jsonl",
            "application/ndjson",
            "application/x-jsonlines",
            "application/x-ndjson",
            "image/png",
            "image/svg+xml",
            "message/global",
            "message/rfc822",
            "text/csv",
        ),
        "application/octet-stream",
    )
}
# the one file that no contract is in, the same for everybody, is the generator's own matter
CHECKED = "[mypy]\n[mypy-client.client]\nignore_errors = True\n"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clients"), pytest.mark.timeout(900)]


def lacks(reason: str) -> None:
    """Skip with the reason, or fail where everything has to be there."""
    end_without(reason)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def operations(service: str) -> set[tuple[str, str]]:
    paths = json.loads((ROOT / "services" / service / "openapi.json").read_text())["paths"]
    return {(method, path) for path, item in paths.items() for method in item if method in METHODS}


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """Make one environment for the Python generator, and return its programs."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        lacks("no uv to make the generator's environment with")
    home = tmp_path_factory.mktemp("python-generator")
    run(uv, "venv", "--quiet", "--python", sys.executable, home / "env", cwd=home)
    try:
        run(uv, "pip", "install", "--quiet", "--python", home / "env/bin/python", *PYTHON_GENERATOR, cwd=home)
    except AssertionError as error:
        lacks(f"the Python generator cannot be installed: {error}")
    return home / "env/bin"


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Path:
    """Make one environment for the TypeScript generator, and return its programs."""
    npm = shutil.which("npm")
    if npm is None:
        lacks("no node")
    home = tmp_path_factory.mktemp("node-generator")
    (home / "package.json").write_text("{}")
    try:
        run(npm, "install", "--no-audit", "--no-fund", *NODE_GENERATOR, cwd=home)
    except AssertionError as error:
        lacks(f"the TypeScript generator cannot be installed: {error}")
    return home / "node_modules/.bin"


@pytest.mark.parametrize("service", SERVICES)
def test_a_python_client_has_every_route_and_right_types(service: str, python: Path, tmp_path: Path):
    client, contract = tmp_path / "client", ROOT / "services" / service / "openapi.json"
    (tmp_path / "config.json").write_text(json.dumps(CONTENT_TYPES))
    said = run(
        python / "openapi-python-client",
        "generate",
        "--path",
        contract,
        "--output-path",
        client,
        "--meta",
        "none",
        "--config",
        tmp_path / "config.json",
        cwd=tmp_path,
    )

    assert re.findall("(?i)unable|warning|conflict|could not", said) == [], said
    texts = [file.read_text() for file in client.glob("api/*/*.py")]
    found = {
        (method[1], re.sub(r"[{]([a-z_]+)[^}]*[}]", "{}", path[1]))
        for text in texts
        if (method := re.search(r'"method": "(\w+)"', text)) and (path := re.search(r'"url": "([^"]+)"', text))
    }
    assert found == {(method, re.sub("[{][^}]*[}]", "{}", path)) for method, path in operations(service)}
    (tmp_path / "mypy.ini").write_text(CHECKED)
    known = python.parent / "known"  # what all four clients import is read once
    run(python / "mypy", "--cache-dir", known, "--python-executable", python / "python", "client", cwd=tmp_path)


@pytest.mark.parametrize("service", SERVICES)
def test_a_typescript_client_has_every_route_and_right_types(service: str, node: Path):
    out = node.parent.parent / service
    run(node / "openapi-ts", "-i", ROOT / "services" / service / "openapi.json", "-o", out, cwd=node.parent.parent)

    found = set(
        re.findall(
            r"\.(get|put|post|patch|delete)<[^(]*\([{].*?url: '([^']+)'", (out / "sdk.gen.ts").read_text(), re.DOTALL
        )
    )
    assert found == operations(service)
    names = re.findall(r"export type (\w+) =", (out / "types.gen.ts").read_text())
    assert len(names) == len({name.casefold() for name in names})
    options = (
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--target",
        "es2022",
        "--module",
        "esnext",
        "--moduleResolution",
        "bundler",
    )
    run(node / "tsc", *options, "--lib", "es2022,dom,dom.iterable", out / "index.ts", cwd=node.parent.parent)
