"""Thousands of made-up requests against each service's own contract: no 5xx, nothing that the contract does not say."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.harness import OPERATOR_KEY, SERVICES, Deployment

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
SEED = 20261122
EXAMPLES = 12
SECONDS = 50  # a slow machine stops there; otherwise the examples end it, the same requests every run
AT_ONCE = 2


@pytest.mark.timeout(600)
async def test_every_service_keeps_its_contract(embedded_deployment: Deployment, run_folder: Path):
    """One all-in-one for all four, so that it starts once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def check(service: str) -> tuple[int | None, str]:
        async with turn:
            return await schemathesis(embedded_deployment.urls[service], cwd=run_folder)

    for service, (status, output) in zip(SERVICES, await asyncio.gather(*map(check, SERVICES)), strict=True):
        assert status == 0, f"{service}:\n{output[-6000:]}"


async def schemathesis(url: str, *, cwd: Path) -> tuple[int | None, str]:
    """Run the command line of schemathesis over one service; returns its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url),
        *("--checks", ",".join(CHECKS), "--header", f"Authorization: Bearer {OPERATOR_KEY}"),
        *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--max-time", str(SECONDS)),
        *("--generation-database", "none", "--phases", "examples,coverage,fuzzing", "--no-color", "--no-shrink"),
        *("--suppress-health-check", "all", "--request-timeout", "30"),
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode(errors="replace")
