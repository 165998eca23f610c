"""An OpsLoop of the demo's own: temporary data, a free port, gone afterwards unless it is kept."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
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
    pid: int | None = None
    folder: Path | None = None
    """Of one that the demo started: its process and where its data and log lie."""


@asynccontextmanager
async def own_instance(*, smtp_url: str | None, keep: bool = False) -> AsyncIterator[Instance]:
    """Start one that may call this machine's own addresses; raises DidNotStart. With `keep` it runs on when all went well."""
    folder = _new_folder()
    key = f"opl_demo_{secrets.token_urlsafe(24)}"
    environment = {"OPSLOOP_OUTBOUND_ALLOW": LOOPBACK} | os.environ
    environment |= {
        "OPSLOOP_DATA_DIR": str(folder / "data"),
        "OPSLOOP_PORT": "0",
        "OPSLOOP_HOST": "127.0.0.1",
        "OPSLOOP_BOOTSTRAP_KEY": key,
        "OPSLOOP_LOG_LEVEL": "error",
    }
    if smtp_url is not None:
        environment["OPSLOOP_SMTP_URL"] = smtp_url
    log = folder / "opsloop.log"
    process = _start(environment, log)
    is_kept = False
    try:
        yield Instance(await _url_of(process, log), key, process.pid, folder)
        is_kept = keep
    finally:
        if not is_kept:
            await _stop(process)
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="opsloop-demo-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    return folder


def _start(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    # in a session of its own, so that Ctrl-C reaches us and we stop it in order; into a file, for a pipe would end with us
    with log.open("wb") as output:
        return subprocess.Popen(
            (sys.executable, "-m", "opsloop", "up"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


async def _url_of(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    has_ended = False
    while not has_ended and time.monotonic() < deadline:
        has_ended = process.poll() is not None  # asked first: what it said last is read
        for line in _lines(log):
            if line.startswith("OpsLoop is ready at ") and line.endswith("\n"):
                return line.split()[4]
        await asyncio.sleep(0.05)
    raise DidNotStart("".join(_lines(log)[-20:]) or "OpsLoop ended before it was ready, and said nothing.")


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines(keepends=True)


async def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # nothing for one that has ended
    try:
        await asyncio.to_thread(process.wait, STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
