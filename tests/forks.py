"""OpsLoop's processes as forks of one that has imported it: six seconds of a processor less for each that a test starts.

`python -m tests.forks SOCKET` imports everything, then forks for each connection: it is sent the words of the command, the environment
and the logs as a line of JSON, and answers with the process id, and with the exit status when that is known. Nothing happens at import
in this house, so a fork is what a process of its own would be; how the real command starts is shown by those tests that give no
`is_forked`.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

MODULES = (
    *("opsloop.up", "opsloop.process", "opsloop.databases", "opsloop.cli"),
    *("opsloop_common.runner.cli", "opsloop_common.runner.serve", "opsloop_common.runner.garbage"),
    *("opsloop_common.logs", "opsloop_common.bus.kafka", "uvloop"),
)
STARTING_SECONDS = 60


class Forked:
    """A process that the server of forks has made, asked as a `subprocess.Popen` is."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path, errors: Path | None = None) -> None:
        self.args = command
        self.returncode: int | None = None
        self._told = socket.socket(socket.AF_UNIX)
        self._told.connect(str(_server()))
        asked = {"module": command[2], "arguments": command[3:], "environment": environment}
        asked |= {"log": str(log), "errors": str(errors or log)}
        self._told.sendall(json.dumps(asked).encode() + b"\n")
        self.pid = self._next()

    def _next(self) -> int:
        said = self._told.recv(8)
        assert said, "the server of forks has ended"
        return int.from_bytes(said, "big", signed=True)

    def poll(self) -> int | None:
        """Return the exit status, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = self._next()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._told.close()
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """End it without a word of warning."""
        self.send_signal(signal.SIGKILL)


@cache
def _server() -> Path:
    """Start the server of forks of this process, and return where it listens."""
    path = Path(tempfile.mkdtemp(prefix="forks-")) / "socket"
    server = subprocess.Popen([sys.executable, "-m", __name__, str(path)], stdin=subprocess.PIPE)
    atexit.register(server.communicate)  # closes what it reads, which is how it learns of our end
    deadline = time.monotonic() + STARTING_SECONDS
    while not path.exists():
        assert server.poll() is None, "the server of forks did not start"
        assert time.monotonic() < deadline, "the server of forks does not listen"
        time.sleep(0.05)
    return path


def serve(path: Path) -> None:
    """Fork whenever asked, until standard input ends."""
    for module in MODULES:
        import_module(module)
    gc.freeze()
    ended, wakes = os.pipe2(os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # else nothing is written to the pipe
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the end of a run is no error
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path.with_suffix(".new")))
    listener.listen(16)
    path.with_suffix(".new").rename(path)
    asking: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        for readable in (listener, ended, sys.stdin):
            selector.register(readable, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if sys.stdin in ready:
                return
            if ended in ready:
                os.read(ended, 4096)
                _tell(asking)
            if listener in ready:
                connection, _ = listener.accept()
                asked = json.loads(connection.makefile().readline())
                if (pid := os.fork()) == 0:
                    selector.close()
                    for inherited in (listener, connection, *asking.values()):
                        inherited.close()
                    signal.set_wakeup_fd(-1)
                    os.close(ended)
                    os.close(wakes)
                    break
                asking[pid] = connection
                connection.sendall(pid.to_bytes(8, "big", signed=True))
    _become(**asked)


def _tell(asking: dict[int, socket.socket]) -> None:
    """Tell those who wait of the processes that have ended."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = found
            with asking.pop(pid) as connection, suppress(OSError):  # who asked may be gone
                connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))


def _become(module: str, arguments: list[str], environment: dict[str, str], log: str, errors: str) -> None:
    """Be the process that was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    streams = os.open(os.devnull, os.O_RDONLY), os.open(log, appending, 0o644), os.open(errors, appending, 0o644)
    for target, source in enumerate(streams):
        os.dup2(source, target)
        os.close(source)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ |= environment
    tempfile.tempdir = None
    time.tzset()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
