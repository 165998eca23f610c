"""The `opsloop` command: what it loads, how it prints for programs, and that its outlines are what the services declare."""

import re
import subprocess
import sys

import orjson
import pytest

from opsloop import printing, status
from opsloop.outlines import OUTLINES
from opsloop.services import MEMBERS
from opsloop.settings import EmbeddedSettings
from opsloop_common.setting_names import OF_OTHERS
from opsloop_common.settings import Settings

WEB = {"fastapi", "starlette", "uvicorn", "aiokafka", "alembic", "aiohttp", "rjieba"}
DATABASE = {"sqlalchemy", "asyncpg", "prometheus_client", "structlog"}
SERVICES = {f"opsloop_{name}" for name in OUTLINES}
PAGE = """\
# HELP opsloop_outbox_pending Events committed and not published yet
# TYPE opsloop_outbox_pending gauge
opsloop_outbox_pending{service="metrics"} 7.0
# HELP opsloop_deliveries_waiting Deliveries that are to be tried
# TYPE opsloop_deliveries_waiting gauge
opsloop_deliveries_waiting{queue="mails",service="notifications",when="due"} 3.0
# HELP opsloop_open_incidents Incidents open, over all workspaces
# TYPE opsloop_open_incidents gauge
opsloop_open_incidents{service="metrics",severity="critical"} 1.0
# HELP opsloop_mails_total Mails
# TYPE opsloop_mails_total counter
opsloop_mails_total{outcome="sent",service="notifications"} 2.0
# HELP process_open_fds Number of open file descriptors.
# TYPE process_open_fds gauge
process_open_fds{service="opsloop"} 31.0
"""


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments, in an environment without settings of ours."""
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={"COLUMNS": "200"} | settings, check=False
    )


def loaded_by(code: str) -> set[str]:
    """Return the top packages that are loaded once `code` has run."""
    ended = run("-c", f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})")
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def helped(module: str, call: str) -> str:
    return (
        "import contextlib, io\n"
        f"from {module} import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    {call}"
    )


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        (helped("opsloop.cli", "import sys; sys.argv = ['opsloop', '--help']; main()"), WEB | DATABASE | SERVICES),
        (helped("opsloop.cli", "import sys; sys.argv = ['opsloop', '--version']; main()"), WEB | DATABASE | SERVICES),
        (helped("opsloop_common.runner.cli", "main('feedback', ['--help'])"), WEB | DATABASE | SERVICES),
        ("import opsloop.status", (WEB | SERVICES | {"sqlalchemy"})),
        ("import opsloop.events", WEB | SERVICES | {"sqlalchemy"}),
        ("import opsloop.credentials", WEB | SERVICES),
        ("import opsloop.tools", WEB | SERVICES),
        ("import opsloop_common.runner.tools", WEB | SERVICES),
    ],
    ids=[
        "--help",
        "--version",
        "a service's --help",
        "status",
        "events",
        "keys",
        "tools",
        "a service's keys and events",
    ],
)
def test_a_command_loads_only_what_it_needs(code: str, forbidden: set[str]):
    assert loaded_by(code) & forbidden == set()


def test_the_outlines_are_what_the_services_declare():
    assert {service.name: service.scopes for service in MEMBERS} == OUTLINES


def test_the_version_is_told():
    assert run("-m", "opsloop", "--version").stdout == "opsloop 0.1.0\n"
    assert run("-m", "opsloop_feedback", "--version").stdout == "opsloop 0.1.0\n"


@pytest.mark.parametrize("module", ["opsloop", "opsloop_feedback"])
def test_help_tells_the_exit_statuses(module: str):
    assert "Exit status" in run("-m", module, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("status", "--json"), 1),  # nothing is there
        (("events", "parked"), 1),
        (("nonsense",), 2),
        (("keys", "create", "--name", "x", "--scopes", "feedback:fly"), 2),
        (("keys", "list"), 1),
        (("keys", "revoke", "ci"), 1),
        (("keys", "revoke"), 2),
        (("user-secrets", "list"), 1),
        (("events", "discard", "--service", "feedback"), 2),
        (("events", "redrive", "nonsense", "--service", "feedback"), 2),
    ],
)
def test_what_cannot_be_done_has_its_status(arguments: tuple[str, ...], expected: int, tmp_path):
    ended = run("-m", "opsloop", *arguments, OPSLOOP_DATA_DIR=str(tmp_path / "none"))

    assert ended.returncode == expected, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_programs_get_tabs(capsys):
    printing.show_table(("service", "what"), [("feedback", "a\tb\nc"), ("metrics", 7)])

    assert capsys.readouterr().out == "service\twhat\nfeedback\ta b c\nmetrics\t7\n"


def test_people_get_columns_and_no_markup(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    printing.show_table(("service", "what"), [("feedback", "[red]words[/red]")])

    out = capsys.readouterr().out
    assert "[red]words[/red]" in out
    assert "\t" not in out


def test_the_services_own_gauges_are_told():
    assert list(status.gauges_of(PAGE)) == [
        ("metrics", "Incidents open, over all workspaces, critical", 1.0),
        ("notifications", "Deliveries that are to be tried, mails, due", 3.0),
    ]


def test_json_is_one_document_on_a_line(capsys):
    printing.show_document({"a": [1]})

    assert orjson.loads(capsys.readouterr().out) == {"a": [1]}


def test_what_strangers_named_steers_no_terminal(capsys):
    printing.show_table(("name",), [("a\x1b[2Jb\r\x9bc👨\u200d👩",)])

    assert capsys.readouterr().out == "name\na [2Jb  c👨\u200d👩\n"


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("rtl\u202egnp.exe", "rtl<U+202E>gnp.exe"),
        ("a\u2066b\u2069", "a<U+2066>b<U+2069>"),
        ("ann\u200b", "ann<U+200B>"),
        ("a\u2028b", "a b"),
        ("❤\ufe0f", "❤\ufe0f"),
    ],
)
def test_what_nobody_sees_turns_no_line_round(capsys, named, shown):
    printing.show_table(("name",), [(named,)])
    assert capsys.readouterr().out == f"name\n{shown}\n"

    printing.show_document({"name": named})
    told = capsys.readouterr().out
    assert orjson.loads(told) == {"name": named}
    assert not re.search("[\u200b\u202e\u2028\u2066]", told)


def test_every_setting_of_a_service_and_of_the_one_process_is_known_to_all():
    kinds = [EmbeddedSettings, *(service.settings for service in MEMBERS)]
    read = {name.upper() for kind in kinds for name in kind.model_fields}

    assert read - {name.upper() for name in Settings.model_fields} == OF_OTHERS


@pytest.mark.parametrize("arguments", [["-m", "opsloop", "status"], ["-m", "opsloop_feedback", "migrate"]])
def test_a_misspelled_setting_is_a_line_before_the_command(arguments, tmp_path):
    ended = run(*arguments, OPSLOOP_PROT="9000", OPSLOOP_DATA_DIR=str(tmp_path / "none"), OPSLOOP_BUS="local")

    assert ended.stderr.splitlines()[0].endswith("OPSLOOP_PROT is no setting; did you mean OPSLOOP_PORT?")
    assert "9000" not in ended.stderr
