"""`opsloop up`: hold the data directory, start PostgreSQL, and run everything until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import SecretStr

from opsloop import data
from opsloop.settings import EmbeddedSettings
from opsloop_common.embedded_postgres import PostgresServer

Say = Callable[[str], None]


class PortTaken(Exception):
    """Somebody else listens there; the text says what to do."""


def run(settings: EmbeddedSettings, say: Say) -> None:
    """Run until SIGINT or SIGTERM. Raises DataDirBusy, PortTaken or PostgresFailed when it cannot start."""
    began = time.monotonic()
    with data.held(settings.data_dir) as hold, bind(settings.host, settings.port) as listener:
        url = base_url(settings.host, listener)
        bound = settings.model_copy(update={"port": listener.getsockname()[1]})  # 0 took a free one
        complete, key_line = with_secrets(bound, url)
        with sigterm_as_exit(), postgres(settings) as (server, started):
            # everything heavy is imported while PostgreSQL starts; little of it becomes garbage, so nobody looks for any
            gc.disable()
            process = import_module("opsloop.process")
            databases = import_module("opsloop.databases")
            logs = import_module("opsloop_common.logs")
            garbage = import_module("opsloop_common.runner.garbage")
            logs.configure_logging(format=settings.log_format, level=settings.log_level)
            attached = started.result()

            def on_ready() -> None:
                garbage.settle()
                hold.publish(data.Holder(os.getpid(), url))
                say(ready_text(url, settings.data_dir, key_line, time.monotonic() - began))

            async def main() -> None:
                runtimes = process.build_runtimes(server, complete)
                await databases.prepare(server, [r.service for r in runtimes], attached=attached)
                async with databases.kept_running(server):
                    await process.serve(runtimes, listener, on_ready=on_ready)

            run_loop(main)
            say("Stopping PostgreSQL.")
    say("Stopped.")


def run_loop(main: Callable[[], Any]) -> None:
    """Run a coroutine function to its end on uvloop, or on asyncio's own loop where there is none."""
    factory = import_module("uvloop").new_event_loop if sys.platform != "win32" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address, not listening yet; raises PortTaken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Cannot listen on {host}:{port} ({error.strerror}). Choose another address with OPSLOOP_HOST and OPSLOOP_PORT."
        ) from error
    return listener


def base_url(host: str, listener: socket.socket) -> str:
    """Return the address at which this machine reaches the listener."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 compared
    return f"http://{shown}:{listener.getsockname()[1]}"


def with_secrets(settings: EmbeddedSettings, url: str) -> tuple[EmbeddedSettings, str]:
    """Return the settings with the keys of the data directory where none are given, and what to say about the operator's."""
    given: dict[str, object] = {"public_url": settings.public_url or url}
    if settings.secret_key is None:
        given["secret_key"] = SecretStr(data.secret_key(settings.data_dir).value)
    if settings.bootstrap_key is not None:
        return settings.model_copy(update=given), "OPSLOOP_BOOTSTRAP_KEY"
    operator = data.operator_key(settings.data_dir)
    given["bootstrap_key"] = SecretStr(operator.value)
    kept = settings.data_dir / data.OPERATOR_KEY_FILE
    return settings.model_copy(
        update=given
    ), f"{operator.value}  (made now, kept in {kept})" if operator.is_new else f"in {kept}"


@contextmanager
def postgres(settings: EmbeddedSettings) -> Iterator[tuple[PostgresServer, Future[bool]]]:
    """Start PostgreSQL in the background, and stop it at the end however that comes about."""
    server = PostgresServer(data.postgres_dir(settings.data_dir), user=settings.postgres_user)
    with ThreadPoolExecutor(1, thread_name_prefix="postgres") as background:
        started = background.submit(server.start)
        try:
            yield server, started
        finally:
            started.exception()  # waits: a server that is still starting must not be left behind
            server.stop()


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Until the loop handles signals itself, end on SIGTERM as on Ctrl-C: by unwinding, so that PostgreSQL is stopped."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def ready_text(url: str, data_dir: Path, key_line: str, seconds: float) -> str:
    """Return what is printed once everything runs."""
    return (
        f"OpsLoop is ready at {url} after {seconds:.1f} s.\n"
        f"  API     {url}/api/{{feedback,metrics,campaigns,notifications}}/docs\n"
        f"  data    {data_dir.resolve()}\n"
        f"  key     {key_line}\n"
        "  stop    Ctrl-C"
    )
