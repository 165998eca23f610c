"""Where PostgreSQL's programs are taken from: the installed wheel, or root's copy of it, made once a version."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from opsloop_common.embedded_postgres import PostgresFailed, programs

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root copies them")


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """An installed wheel with a program, a library beside it, and what nobody runs."""
    installed = tmp_path / "site" / "embedded_postgres" / "pginstall"
    for file in ("bin/postgres", "include/postgres.h", "lib/libpq.a", "lib/libpq.so"):
        (installed / file).parent.mkdir(parents=True, exist_ok=True)
        (installed / file).write_text(file)
    libraries = tmp_path / "site" / "embedded_postgres.libs"
    libraries.mkdir()
    (libraries / "libssl.so").write_text("ssl")
    monkeypatch.setattr(programs, "_installed", lambda: installed)
    monkeypatch.setattr(programs, "SHARED", tmp_path / "shared")
    monkeypatch.setattr(programs, "package_version", lambda: "18.6.1")
    return installed


@pytest.mark.parametrize(("version", "short", "major"), [("18.6.1", "18.6", "18"), ("17.0.12", "17.0", "17")])
def test_the_wheel_s_version_begins_with_postgresql_s(monkeypatch, version, short, major):
    monkeypatch.setattr(programs.metadata, "version", lambda name: version)

    assert (programs.postgres_version(), programs.major_version()) == (short, major)


@pytest.mark.parametrize(
    "ask", [programs.package_version, programs.postgres_version, programs.major_version, programs.folder]
)
def test_without_the_wheel_it_says_what_to_do(monkeypatch, ask):
    monkeypatch.setattr(programs, "PACKAGE", "embedded-postgres-that-nobody-has")

    with pytest.raises(PostgresFailed, match="is not installed: give <SERVICE>_DATABASE_URL"):
        ask()


@pytest.mark.parametrize(("uid", "closed"), [(1000, True), (1000, False), (0, False)])
def test_who_can_reach_the_wheel_takes_its_programs(wheel, monkeypatch, uid, closed):
    monkeypatch.setattr(programs.os, "geteuid", lambda: uid)
    monkeypatch.setattr(programs, "closed_to_others", lambda path: path if closed else None)

    assert programs.folder() == wheel / "bin"
    assert not programs.SHARED.exists()


@AS_ROOT
def test_a_copy_has_the_programs_their_libraries_in_their_place_and_no_more(wheel):
    copied = programs._shared_copy(wheel)

    assert (copied / "bin" / "postgres").read_text() == "bin/postgres"
    assert (copied / "../../../" / copied.parts[-3] / "embedded_postgres.libs" / "libssl.so").read_text() == "ssl"
    assert sorted(path.name for path in copied.rglob("*") if path.is_file()) == ["libpq.so", "postgres"]
    assert {path.stat().st_mode & 0o777 for path in (programs.SHARED, copied.parent, copied.parents[1])} == {0o755}


@AS_ROOT
def test_a_version_is_copied_once_and_another_one_beside_it(wheel, monkeypatch):
    first = programs._shared_copy(wheel)
    (wheel / "bin" / "postgres").write_text("changed")
    assert programs._shared_copy(wheel) == first
    assert (first / "bin" / "postgres").read_text() == "bin/postgres"

    monkeypatch.setattr(programs, "package_version", lambda: "18.6.2")
    assert (programs._shared_copy(wheel) / "bin" / "postgres").read_text() == "changed"
    assert len(list(programs.SHARED.iterdir())) == 2


@AS_ROOT
def test_many_at_once_make_one_copy_and_leave_nothing_half_made(wheel):
    with ThreadPoolExecutor(8) as pool:
        copies = set(pool.map(programs._shared_copy, [wheel] * 8))

    assert len(copies) == len(list(programs.SHARED.iterdir())) == 1


@AS_ROOT
def test_a_copy_that_fails_leaves_nothing_behind(wheel, monkeypatch):
    def full(*given, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(programs.shutil, "copytree", full)
    with pytest.raises(OSError, match="no space left"):
        programs._shared_copy(wheel)

    assert list(programs.SHARED.iterdir()) == []
