"""Who measures time has the run to itself, and is not kept waiting by those that go on beginning."""

from __future__ import annotations

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from opsloop_common.testing.quiet import quiet_while

PATIENCE_SECONDS = 10


def test_others_run_beside_each_other(tmp_path: Path):
    with quiet_while(tmp_path, measured=False), ThreadPoolExecutor() as others:
        assert others.submit(_run, tmp_path, measured=False).result(PATIENCE_SECONDS)


def test_who_measures_waits_for_all_and_nobody_begins_meanwhile(tmp_path: Path):
    order: list[str] = []
    with ThreadPoolExecutor() as others:
        with quiet_while(tmp_path, measured=False):
            measured = others.submit(_run, tmp_path, measured=True, said=(order, "measured"))
            _until_somebody_waits(tmp_path)
            later = others.submit(_run, tmp_path, measured=False, said=(order, "later"))
            assert not measured.done()
            order.append("first")
        assert measured.result(PATIENCE_SECONDS)
        assert later.result(PATIENCE_SECONDS)

    assert order == ["first", "measured", "later"]


def _run(folder: Path, *, measured: bool, said: tuple[list[str], str] | None = None) -> bool:
    with quiet_while(folder, measured=measured):
        if said is not None:
            said[0].append(said[1])
    return True


def _until_somebody_waits(folder: Path) -> None:
    deadline = threading.Event()
    for _ in range(1_000):
        with (folder / "turnstile.lock").open("wb") as turnstile:
            try:
                fcntl.flock(turnstile, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        deadline.wait(0.01)
    raise AssertionError("nobody waits")
