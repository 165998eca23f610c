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
SECONDS = 75


@pytest.mark.timeout(600)
async def test_every_service_keeps_its_contract(embedded_deployment: Deployment, run_folder: Path):
    """One all-in-one for all four, so that it starts once; bounded by examples and time, the same requests every run."""
    for service in SERVICES:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{embedded_deployment.urls[service]}/openapi.json"),
            *("--url", embedded_deployment.urls[service]),
            *("--checks", ",".join(CHECKS)),
            *("--header", f"Authorization: Bearer {OPERATOR_KEY}"),
            *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--max-time", str(SECONDS)),
            *("--generation-database", "none", "--phases", "examples,coverage,fuzzing", "--no-color", "--no-shrink"),
            *("--suppress-health-check", "all", "--request-timeout", "30"),
        ]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=run_folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{service}:\n{output.decode(errors='replace')[-6000:]}"
