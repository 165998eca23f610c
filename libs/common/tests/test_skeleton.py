"""A new room is the model room under another name; that it works is shown by `tests/guide`."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from opsloop_common.testing import skeleton
from opsloop_common.testing.skeleton import Room

ROOT = Path(__file__).parents[3]
ROOM = Room("feedback", "follow_ups", "follow_up")


@pytest.mark.parametrize(
    ("model", "room"),
    [
        ('"""Reminders: a reminder\'s table."""', '"""Follow ups: a follow up\'s table."""'),
        ("class ReminderIn(InModel):", "class FollowUpIn(InModel):"),
        ("reminder_id: UUID", "follow_up_id: UUID"),
        ('@router.get("/v1/reminders/{reminder_id}")', '@router.get("/v1/follow-ups/{follow_up_id}")'),
        ('NOUN = "reminder"', 'NOUN = "follow up"'),
        ('REMINDER = {"text": "call them"}', 'FOLLOW_UP = {"text": "call them"}'),
        ("async def test_a_reminder_is_made", "async def test_a_follow_up_is_made"),
        ('type = "reminder.rung"', 'type = "follow_up.rung"'),
        ('RING = "sample.ring_reminder"', 'RING = "feedback.ring_follow_up"'),
        ('allow("sample:read")', 'allow("feedback:read")'),
        (
            "from opsloop_common.testing.sample.reminders.events import ReminderRung",
            "from opsloop_common.contracts.feedback.follow_ups import FollowUpRung",
        ),
        (
            "from opsloop_common.testing.sample.reminders import queries",
            "from opsloop_feedback.follow_ups import queries",
        ),
        ("from opsloop_common.testing.sample.tables import Base", "from opsloop_feedback.tables import Base"),
        ("from opsloop_common.testing.sample.service import SAMPLE", "from opsloop_feedback.app import SERVICE"),
    ],
)
def test_words_paths_and_names_are_told_apart(model, room):
    assert skeleton.renamed(model, ROOM) == room


@pytest.mark.parametrize(
    ("one", "article"),
    [("experiment", "an"), ("offer", "an"), ("unit", "a"), ("user_group", "a"), ("upgrade", "an"), ("kite", "a")],
)
def test_the_article_fits_the_word(one, article):
    prose = skeleton.renamed('"""Show a reminder."""', Room("feedback", f"{one}s", one))
    name = skeleton.renamed("test_a_reminder_is_made", Room("feedback", f"{one}s", one))

    assert prose == f'"""Show {article} {one.replace("_", " ")}."""'
    assert name == f"test_{article}_{one}_is_made"


def test_a_name_that_has_the_model_s_in_it_is_put_in_once():
    room = Room("feedback", "bill_reminders", "bill_reminder")

    assert skeleton.renamed('@router.get("/v1/reminders/{reminder_id}")', room) == (
        '@router.get("/v1/bill-reminders/{bill_reminder_id}")'
    )


def test_nothing_of_the_model_is_left_in_a_room():
    for file in (*(ROOT / skeleton.SAMPLE).glob("reminders/*.py"), ROOT / "tests/contracts/worlds/reminders.py"):
        text = skeleton.renamed(file.read_text(), ROOM)
        assert not {word for word in ("eminder", "REMINDER", "sample", "SAMPLE") if word in text}, file


@pytest.mark.parametrize(
    ("service", "name", "one", "why"),
    [
        ("feedback", "paper_kite", None, "in the plural"),
        ("feedback", "PaperKites", None, "in the plural"),
        ("feedback", "../paper_kites", None, "in the plural"),
        ("feedback", "paper_kites", "Bad-Name", "in the plural"),
        ("feedback", "class", None, "in the plural|something else"),
        ("feedback", "paper_kites", "class", "something else in Python"),
        ("feedback", "lists", None, "something else in Python"),
        ("feedback", "orders", None, "or SQL"),
        ("feedbacks", "paper_kites", None, "no service"),
        ("feedback", "conversations", None, "feedback has a room conversations already"),
        ("feedback", "playbooks", None, "campaigns has a room playbooks already"),
        ("feedback", "settings", None, "has a module settings already"),
        ("feedback", "feedbacks", None, "has a table feedback already"),
        ("feedback", "jobs", None, "has a table job already"),
        ("feedback", "api_keys", None, "has a table api_key already"),
        ("feedback", "campaigns", None, "there is a door /v1/campaigns already"),
        ("feedback", "sessions", None, "metrics has a room sessions already"),
        ("feedback", "statuses", "status", "says Status, status already"),
        ("feedback", "indexes", "index", "says Index already"),
        ("feedback", "secrets", None, "says secret_id already"),
        ("campaigns", "messages", None, "notifications has a room messages already"),
    ],
)
def test_what_is_no_room_is_refused_in_a_line_before_anything_is_written(service, name, one, why, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(skeleton, "make", lambda room: pytest.fail("it was made"))

    with pytest.raises(SystemExit, match=why) as refused:
        skeleton.main(service, name, one)

    assert "\n" not in refused.value.code


@pytest.mark.parametrize(
    ("name", "one", "singular"),
    [
        ("paper_kites", None, "paper_kite"),
        ("fairy_stories", None, "fairy_story"),
        ("paper_boxes", "paper_box", "paper_box"),
        ("snow_people", "snow_person", "snow_person"),
    ],
)
def test_one_of_them_is_named_by_its_plural_or_said(name, one, singular, monkeypatch):
    monkeypatch.chdir(ROOT)
    made = []
    monkeypatch.setattr(skeleton, "make", lambda room: made.append(room) or [])

    skeleton.main("feedback", name, one)

    assert made == [Room("feedback", name, singular)]


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Work in a copy of what a room of a service is made from."""

    def copy(room):
        tests = Path("services") / room.service / "tests"
        for part in (room.package, room.contracts, tests, skeleton.SAMPLE, skeleton.WORLDS, skeleton.COMMON / "tests"):
            shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        for contract in (ROOT / "services").glob("*/openapi.json"):
            copy_of = tmp_path / contract.relative_to(ROOT)
            copy_of.parent.mkdir(exist_ok=True)
            shutil.copy(contract, copy_of)
        monkeypatch.chdir(tmp_path)

    return copy


def everything():
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "one", "there"),
    [
        ("sources", "source", ["services/feedback/tests/test_sources.py"]),
        ("metrics", "metric", ["tests/contracts/worlds/metrics.py"]),
        ("reminders", "reminder", ["tests/contracts/worlds/reminders.py"]),
    ],
)
def test_what_is_there_already_is_named_and_nothing_is_written(name, one, there, copied):
    copied(Room("feedback", name, one))
    before = everything()

    with pytest.raises(SystemExit) as refused:
        skeleton.main("feedback", name, one)

    assert refused.value.code == f"there already: {', '.join(there)}"
    assert everything() == before


@pytest.mark.parametrize("service", ["feedback", "metrics", "campaigns", "notifications"])
def test_a_room_is_listed_in_whichever_service(service, copied):
    room = Room(service, "paper_kites", "paper_kite")
    copied(room)
    migrations = len(list((room.package / "migrations" / "versions").glob("*.py")))

    made = skeleton.make(room)

    assert all(ast.parse(path.read_text()) for path in made)
    assert "        paper_kites.SLICE,\n    )" in (room.package / "app.py").read_text()
    assert "*paper_kites.EVENTS" in (room.contracts / "__init__.py").read_text()
    [migration] = (room.package / "migrations" / "versions").glob("[0-9]*[0-9]_paper_kites.py")
    assert migration.name == f"{migrations + 1:04}_paper_kites.py"
    assert f'revision = "{migrations + 1:04}"\ndown_revision = "{migrations:04}"' in migration.read_text()


def test_a_name_belongs_to_one_service_also_where_its_world_is_gone(copied):
    copied(Room("metrics", "paper_kites", "paper_kite"))
    room = Path("services/feedback/opsloop_feedback/paper_kites")
    room.mkdir(parents=True)
    (room / "__init__.py").touch()

    with pytest.raises(SystemExit, match="feedback has a room paper_kites already"):
        skeleton.main("metrics", "paper_kites")


def test_an_event_has_one_producer(copied):
    copied(Room("metrics", "paper_kites", "paper_kite"))
    events = skeleton.COMMON / "opsloop_common/contracts/feedback/kites.py"
    events.parent.mkdir(parents=True)
    events.write_text('    type = "paper_kite.rung"\n')

    with pytest.raises(SystemExit, match=r"events called paper_kite\.rung already"):
        skeleton.main("metrics", "paper_kites")
