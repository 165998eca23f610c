"""Thousands of made-up requests against each service's own contract: no 5xx, nothing that the contract does not say, nothing left out."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.harness import OPERATOR_KEY, SERVICES, Deployment

METHODS = {"get", "put", "post", "delete", "patch"}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
SEED = 20261122
EXAMPLES = 6
"""For each operation and phase: coverage grows with the contract."""
SECONDS_EACH = 0.6
"""An operation's share of the time of its service, which ends a run."""
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
RUNS = 4
"""A run on a slow machine asks some operations only: the next asks the others."""
AT_ONCE = 2


@pytest.mark.timeout(900)
async def test_every_service_keeps_its_contract(embedded_deployment: Deployment, run_folder: Path):
    """One all-in-one for all four, so that it starts once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def check(service: str) -> None:
        async with turn:
            answer = await embedded_deployment.client(service).get("/openapi.json")
            left, output = operations_of(answer.json()), ""
            seconds = round(SECONDS_EACH * len(left))
            for run in range(RUNS):
                report = run_folder / f"{service}-{run}.xml"
                status, output = await schemathesis(
                    embedded_deployment.urls[service], left if run else (), seconds=seconds, report=report
                )
                assert status == 0, f"{service}:\n{output[-6000:]}"
                if not (left := left - visited(report)):
                    break
            assert left == set(), f"{service}: never asked\n{output[-2000:]}"

    async with asyncio.TaskGroup() as tasks:
        for service in SERVICES:
            tasks.create_task(check(service))


def test_an_operation_that_was_skipped_was_not_visited(tmp_path: Path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase name="GET /a"/><testcase name="GET /b"><skipped/></testcase></testsuite></testsuites>'
    )

    assert visited(report) == {"GET /a"}
    assert operations_of({"paths": {"/a": {"get": {}, "parameters": []}, "/b": {"get": {}}}}) == {"GET /a", "GET /b"}


def operations_of(contract: dict[str, Any]) -> set[str]:
    """Return the operations of a contract, as schemathesis names them."""
    return {
        f"{method.upper()} {path}" for path, item in contract["paths"].items() for method in item if method in METHODS
    }


def visited(report: Path) -> set[str]:
    """Return the operations that a run has asked."""
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 what our own tool wrote
    return {str(case.get("name")) for case in cases if case.find("skipped") is None}


async def schemathesis(url: str, only: Iterable[str], *, seconds: int, report: Path) -> tuple[int | None, str]:
    """Run the command line of schemathesis over one service; returns its exit status and what it printed.

    `only`: the operations meant; empty for all.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url),
        *("--checks", ",".join(CHECKS), "--header", f"Authorization: Bearer {OPERATOR_KEY}"),
        *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--max-time", str(seconds)),
        *("--generation-database", "none", "--phases", "examples,coverage,fuzzing", "--no-color", "--no-shrink"),
        *("--suppress-health-check", "all", "--request-timeout", "30"),
        *(part for name in sorted(only) for part in ("--include-name", name)),
        *("--report", "junit", "--report-junit-path", str(report)),
        cwd=report.parent,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # another service's check failed
            process.kill()
            await process.wait()
    return process.returncode, output.decode(errors="replace")
