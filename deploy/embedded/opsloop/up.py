"""`opsloop up`: hold the data directory, start PostgreSQL, and run everything until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from opsloop import data
from opsloop.settings import EmbeddedSettings
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.runner.signals import Signals

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
        with postgres(settings) as (server, started, signals):
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
                    await process.serve(runtimes, listener, signals=signals, on_ready=on_ready)

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
    except (OSError, TypeError) as error:  # the latter for a name that can be none
        listener.close()
        why = getattr(error, "strerror", None) or "no name of a host"
        raise PortTaken(
            f"Cannot listen on {host}:{port} ({why}). Choose another address with OPSLOOP_HOST and OPSLOOP_PORT."
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


class Started(NamedTuple):
    """A PostgreSQL on its way: the future says whether a killed owner had left it running."""

    server: PostgresServer
    started: Future[bool]
    signals: Signals


@contextmanager
def postgres(settings: EmbeddedSettings) -> Iterator[Started]:
    """Start PostgreSQL in the background, and stop it at the end however that comes about; a second Ctrl-C only tells it to."""
    server = PostgresServer(data.postgres_dir(settings.data_dir), user=settings.postgres_user)
    with (
        Signals(last=server.tell_to_stop).heeded() as signals,
        ThreadPoolExecutor(1, thread_name_prefix="postgres") as background,
    ):
        started = background.submit(server.start)
        try:
            yield Started(server, started, signals)
        finally:
            started.exception()  # waits: a server that is still starting must not be left behind
            server.stop()


def ready_text(url: str, data_dir: Path, key_line: str, seconds: float) -> str:
    """Return what is printed once everything runs."""
    return (
        f"OpsLoop is ready at {url} after {seconds:.1f} s.\n"
        f"  API     {url}/api/{{feedback,metrics,campaigns,notifications}}/docs\n"
        f"  data    {data_dir.resolve()}\n"
        f"  key     {key_line}\n"
        "  stop    Ctrl-C"
    )
