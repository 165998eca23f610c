"""An OpsLoop of the demo's own: temporary data, a free port, gone afterwards."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 90.0
STOP_SECONDS = 40.0
LOOPBACK = "127.0.0.0/8,::1/128"


class DidNotStart(Exception):
    """The text is what it said last."""


@dataclass(frozen=True)
class Instance:
    """Where an OpsLoop answers, and the operator's key there."""

    url: str
    key: str


@asynccontextmanager
async def own_instance(*, smtp_url: str) -> AsyncIterator[Instance]:
    """Start one that may call this machine's own addresses; raises DidNotStart."""
    folder = _new_folder()
    key = f"opl_demo_{secrets.token_urlsafe(24)}"
    environment = {"OPSLOOP_OUTBOUND_ALLOW": LOOPBACK} | os.environ
    environment |= {
        "OPSLOOP_DATA_DIR": str(folder / "data"),
        "OPSLOOP_PORT": "0",
        "OPSLOOP_HOST": "127.0.0.1",
        "OPSLOOP_BOOTSTRAP_KEY": key,
        "OPSLOOP_SMTP_URL": smtp_url,
        "OPSLOOP_LOG_LEVEL": "error",
    }
    # in a session of its own, so that Ctrl-C reaches us and we stop it in order
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "opsloop", "up"), env=environment, stdout=PIPE, start_new_session=True
    )
    try:
        yield Instance(await _url_of(process), key)
    finally:
        await _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="opsloop-demo-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    return folder


async def _url_of(process: Process) -> str:
    assert process.stdout is not None  # noqa: S101 asked for above
    said = []
    try:
        async with asyncio.timeout(START_SECONDS):
            while line := (await process.stdout.readline()).decode():
                said.append(line)
                if line.startswith("OpsLoop is ready at "):
                    return line.split()[4]
    except TimeoutError:
        pass
    raise DidNotStart("".join(said[-20:]) or "OpsLoop ended before it was ready; its log is above.")


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
