"""One server on one data directory: made, started, found again, repaired, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from glob import escape
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote

from opsloop_common.embedded_postgres import folders, programs
from opsloop_common.embedded_postgres.account import (
    RUN_BY_EARLIER_RELEASES,
    Account,
    PostgresFailed,
    initialising_account,
    name_of_owner,
    server_account,
)
from opsloop_common.embedded_postgres.reasons import told_in_words, why_it_ended
from opsloop_common.limits import POSTGRES_LOG_BYTES, POSTGRES_LOG_FILES

START_TIMEOUT_SECONDS = 60.0  # crash recovery after kill -9 may replay a lot of WAL
POLL_SECONDS = 0.01
SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes including `/.s.PGSQL.5432`
HOST_LISTS = frozenset(",:")  # no driver has an escape for them
SUPERUSER = "postgres"
LOG_FOLDER = "log"

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
}
LOGGING = {
    "logging_collector": "on",
    "log_directory": LOG_FOLDER,
    "log_filename": "postgresql-%Y-%m-%d_%H%M%S.log",
    "log_timezone": "UTC",  # names in the order of time
    "log_rotation_age": "0",
    "log_rotation_size": f"{POSTGRES_LOG_BYTES // 1024}kB",
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",  # DETAIL and CONTEXT quote rows, and those are about people
}

HBA = "# Written by OpsLoop at each start: the socket only, and only the user of the system who runs OpsLoop.\n"
HBA += "local all all peer map=opsloop\n"

# the system hands these on; everything else of ours stays with us, secrets first of all
INHERITED = ("PATH", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass
class PostgresServer:
    """One PostgreSQL below `data_dir`; `start` and `stop` may be called from any process, one at a time.

    `user` is whom it runs as when we are root (see `server_account`).
    """

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    user: str | None = None

    def __post_init__(self) -> None:
        self._given_dir = self.data_dir
        self.data_dir = self.data_dir.resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    @cached_property
    def _account(self) -> Account:
        return server_account(self.user)

    @cached_property
    def _programs(self) -> Path:
        return programs.folder()

    @property
    def _owners(self) -> frozenset[int]:
        """Return the users who may own the files that we find: as root, those of earlier releases too."""
        mine = frozenset({self._account.uid})
        return mine | RUN_BY_EARLIER_RELEASES if os.geteuid() == 0 else mine

    @property
    def socket_dir(self) -> Path:
        """Return the folder of the socket: beside the data directory, or a short path where that one cannot be a socket's.

        It may be too long in bytes, or hold what separates hosts and ports in the lists that drivers and psql read.
        """
        inside = self.data_dir.with_name(self.data_dir.name + "-socket")
        is_short = len(os.fsencode(inside)) <= SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432")
        if is_short and not HOST_LISTS & set(str(inside)):
            return inside
        digest = sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        # only root can lay anything in /run; in /tmp what others laid is found out and refused
        short = Path("/run") if os.geteuid() == 0 and Path("/run").is_dir() else Path("/tmp")  # noqa: S108
        return short / f"opsloop-{os.geteuid()}-{digest}"

    def url(self, database: str = "postgres", *, user: str = SUPERUSER) -> str:
        """Return the SQLAlchemy URL of one database of this server for one of its roles. It holds no secret: see `HBA`."""
        return f"postgresql+asyncpg://{user}@/{database}?host={quote(str(self.socket_dir))}"

    def start(self) -> bool:
        """Initialise when needed, then start; or re-attach to the server that a killed owner left running, and return True.

        Raises PostgresFailed, also for a folder or disk that cannot be written to.
        """
        with told_in_words(self.data_dir):
            return self._start()

    def _start(self) -> bool:
        self._prepare_folders()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()
        self._require_same_major()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            # a server that was told to stop just before its owner died is neither ready nor gone for a while
            if self._running_pid() is None:
                if self._launch_and_await(deadline):
                    return False
            elif self._is_ready():
                if self._runs_as_it_should():
                    return True
                self._tell(signal.SIGINT)  # of an earlier release, with other settings or by another user
            time.sleep(POLL_SECONDS)
        raise self._failed()

    def is_running(self) -> bool:
        """Say whether the server's main process lives, ready or not."""
        return self._running_pid() is not None

    def tell_to_stop(self) -> None:
        """Tell the server to stop as `stop` does, and do not wait for that."""
        if not self._tell(signal.SIGINT) and self._process is not None:
            self._process.send_signal(signal.SIGINT)  # it has just been started, and has no pid file yet

    def stop(self) -> None:
        """Stop the server in fast mode: sessions end, everything committed is on disk."""
        if self._tell(signal.SIGINT):
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while self._running_pid() is not None and time.monotonic() < deadline:
                if self._process is not None:
                    self._process.poll()
                time.sleep(POLL_SECONDS)
        if self._process is not None:
            self._process.wait(timeout=START_TIMEOUT_SECONDS)
            self._process = None
        if self._said is not None:
            self._said.close()
            self._said = None

    def prune_log(self) -> None:
        """Remove all but the newest log files. PostgreSQL begins a new one when one is full, and itself removes none."""
        try:
            with folders.opened(self.data_dir) as inside, folders.opened(LOG_FOLDER, inside=inside) as log:
                for name in folders.names(log)[:-POSTGRES_LOG_FILES]:
                    os.unlink(name, dir_fd=log)
        except FileNotFoundError:  # nothing was logged yet
            return

    def _prepare_folders(self) -> None:
        folders.require_own_way(self._given_dir, end=self.data_dir)
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and (closed := folders.closed_to_others(self.data_dir.parent)):
            raise PostgresFailed(
                f"PostgreSQL does not run as root, and the user it runs as cannot enter {closed}. "
                "Set OPSLOOP_DATA_DIR to a folder that others may enter (for example /var/lib/opsloop), "
                "or run OpsLoop as an ordinary user."
            )
        owner = folders.owner_of(self.data_dir)
        if owner is None or owner not in self._owners:
            folders.make_private(self.data_dir, self._account)
        if folders.owner_of(self.socket_dir) in self._owners - {self._account.uid}:
            shutil.rmtree(self.socket_dir)
        folders.make_private(self.socket_dir, self._account)

    def _initialise(self) -> None:
        """Make a new cluster aside and move it into place, so that a kill in between leaves nothing half made."""
        for left in self.data_dir.parent.glob(f"{escape(self.data_dir.name)}.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        account = initialising_account(self._account)
        gate = Path(tempfile.mkdtemp(prefix=f"{self.data_dir.name}.new-", dir=self.data_dir.parent))
        try:
            if os.geteuid() == 0:  # nobody passes who is not of the server's own group
                os.chown(gate, 0, account.gid)
                gate.chmod(0o710)
            made = gate / "cluster"
            folders.make_private(made, account)
            self._run_initdb(made, account)
            folders.take_over(made, self._account, {account.uid}, last="PG_VERSION")
            made.rename(self.data_dir)
        finally:
            shutil.rmtree(gate, ignore_errors=True)

    def _run_initdb(self, folder: Path, account: Account) -> None:
        command = [str(self._programs / "initdb"), "-D", str(folder), "-U", SUPERUSER, "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth=peer", "--no-instructions"]
        process = self._run(command, account, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = process.communicate(timeout=START_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise PostgresFailed(f"initdb did not end within {START_TIMEOUT_SECONDS:.0f} s.") from None
        if process.returncode:
            raise why_it_ended("initdb failed", output.decode(errors="replace"), self.data_dir)

    def _require_same_major(self) -> None:
        found = (folders.read(self.data_dir, "PG_VERSION", self._owners) or b"").decode(errors="replace").strip()
        if found != programs.major_version():
            raise PostgresFailed(
                f"{self.data_dir} was written by PostgreSQL {found or '(unreadable)'}, and {programs.postgres_version()} is "
                "installed: another major version. Install the release of OpsLoop that wrote it, dump the databases, and "
                "restore them into a new data directory (docs/operations.md)."
            )

    def _run(self, arguments: list[str], account: Account, **options: object) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | {"LC_ALL": "C.UTF-8"}
        options |= account.as_popen()
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # noqa: S603
            arguments, env=environment, cwd="/", umask=0o077, start_new_session=True, **options
        )

    def _launch_and_await(self, deadline: float) -> bool:
        """Start the server; False when it has to be tried again, because a killed server's sessions are still ending."""
        self._own_files()
        self._disown_lock_files()
        self._launch()
        try:
            self._await(self._is_ready, deadline)
        except PostgresFailed as failure:
            if "pre-existing shared memory block" not in str(failure) or time.monotonic() > deadline:
                raise
            return False
        return True

    def _own_files(self) -> None:
        """Take over what an earlier release's user left, and write who may log in."""
        if folders.owner_of(self.data_dir / "PG_VERSION") != self._account.uid:
            folders.take_over(self.data_dir, self._account, self._owners, last="PG_VERSION")
        for name, text in self._login_files().items():
            folders.replace(self.data_dir, name, text, self._account)
        self.prune_log()

    def _login_files(self) -> dict[str, str]:
        return {"pg_hba.conf": HBA, "pg_ident.conf": f'opsloop "{name_of_owner()}" all\n'}

    def _disown_lock_files(self) -> None:
        """Let PostgreSQL judge a dead server's files without being misled by a stranger (or a zombie) who has that pid now.

        The pid file itself must stay: it names the shared memory that sessions of a killed server may still write through. A
        postmaster takes its own parent's pid for stale and goes on to check exactly that.
        """
        for folder, name in ((self.data_dir, "postmaster.pid"), (self.socket_dir, ".s.PGSQL.5432.lock")):
            if text := folders.read(folder, name, self._owners):
                _, _, rest = text.decode().partition("\n")
                folders.overwrite(folder, name, f"{os.getpid()}\n{rest}", self._owners)

    @cached_property
    def _command(self) -> list[str]:
        # a list of quoted paths: a folder may have a comma in its name
        sockets = '"' + str(self.socket_dir).replace('"', '""') + '"'
        options = FRUGAL | LOGGING | {"listen_addresses": "", "unix_socket_directories": sockets} | self.settings
        command = [str(self._programs / "postgres"), "-D", str(self.data_dir)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _launch(self) -> None:
        if self._said is not None:
            self._said.close()
        # what it says before its own log is open; a file without a name, which nobody can put a link in place of
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as the server
        self._process = self._run(
            self._command, self._account, stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said
        )

    def _await(self, condition: Callable[[], bool], deadline: float) -> None:
        while time.monotonic() < deadline:
            if condition():
                return
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(POLL_SECONDS)
        raise self._failed()

    def _failed(self) -> PostgresFailed:
        has_ended = self._process is not None and self._process.poll() is not None
        when = "ended while it started" if has_ended else f"did not start within {START_TIMEOUT_SECONDS:.0f} s"
        return why_it_ended(f"PostgreSQL {when}", self._last_words(), self.data_dir)

    def _last_words(self) -> str:
        said = b""
        if self._said is not None:
            self._said.seek(0)
            said = self._said.read()
        log = self.data_dir / LOG_FOLDER
        names = sorted(log.iterdir())[-1:] if log.is_dir() else []
        logged = folders.read(log, names[0].name, self._owners) if names else None
        return (said[-2000:] + (logged or b"")[-2000:]).decode(errors="replace")

    def _is_ready(self) -> bool:
        """Say whether the server takes connections; it keeps its state in line 8 of its pid file, as pg_ctl reads it."""
        pid = self._running_pid()
        if pid is None or (self._process is not None and pid != self._process.pid):
            return False
        lines = self._pid_file().split("\n")
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _pid_file(self) -> str:
        return (folders.read(self.data_dir, "postmaster.pid", self._owners) or b"").decode(errors="replace")

    def _running_pid(self) -> int | None:
        """Return the postmaster's process id when it lives, serves this very folder, and is run by one who may."""
        try:
            pid = int(self._pid_file().split("\n", 1)[0])
            os.kill(pid, 0)
        except (ValueError, ProcessLookupError):
            return None
        except PermissionError:
            pass
        process = Path(f"/proc/{pid}")
        try:
            if Path("/proc/self").exists() and (
                str(self.data_dir) not in _words(process) or process.stat().st_uid not in self._owners
            ):
                return None
        except (FileNotFoundError, ProcessLookupError):
            return None
        return pid

    def _runs_as_it_should(self) -> bool:
        """Say whether the running server is as we would start it: the same program, settings, user and logins."""
        pid = self._running_pid()
        process = Path(f"/proc/{pid}")
        if process.exists() and (_words(process) != self._command or process.stat().st_uid != self._account.uid):
            return False
        return all(
            folders.read(self.data_dir, name, {self._account.uid}) == text.encode()
            for name, text in self._login_files().items()
        )

    def _tell(self, what: signal.Signals) -> bool:
        """Send the server a signal, and nobody who got its process id meanwhile; False when it does not run."""
        pid = self._running_pid()
        if pid is None:
            return False
        try:
            if not hasattr(os, "pidfd_open"):
                os.kill(pid, what)
                return True
            descriptor = os.pidfd_open(pid)
            try:
                if self._running_pid() == pid:
                    signal.pidfd_send_signal(descriptor, what)
            finally:
                os.close(descriptor)
        except ProcessLookupError:
            return False
        return True


def _words(process: Path) -> list[str]:
    """Return a process's command line."""
    return [os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")[:-1]]
