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


def test_nothing_of_the_model_is_left_in_a_room():
    for file in (*(ROOT / skeleton.SAMPLE).glob("reminders/*.py"), ROOT / "tests/contracts/worlds/reminders.py"):
        text = skeleton.renamed(file.read_text(), ROOM)
        assert not {word for word in ("eminder", "sample", "SAMPLE") if word in text}, file


@pytest.mark.parametrize(
    ("service", "name", "why"),
    [
        ("feedback", "follow_up", "in the plural"),
        ("feedback", "FollowUps", "in the plural"),
        ("feedback", "../follow_ups", "in the plural"),
        ("feedbacks", "follow_ups", "no service"),
        ("feedback", "conversations", "already"),
        ("feedback", "playbooks", "services/campaigns/opsloop_campaigns/playbooks"),
    ],
)
def test_what_is_no_room_is_refused_before_anything_is_written(service, name, why, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(skeleton, "make", lambda room: pytest.fail("it was made"))

    with pytest.raises(SystemExit, match=why):
        skeleton.main(service, name)


@pytest.mark.parametrize(
    ("name", "one", "singular"),
    [("follow_ups", None, "follow_up"), ("stories", None, "story"), ("statuses", "status", "status")],
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
        monkeypatch.chdir(tmp_path)

    return copy


def everything():
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "one", "there"),
    [
        ("sources", "source", ["services/feedback/tests/test_sources.py"]),
        ("campaigns", "campaign", ["tests/contracts/worlds/campaigns.py"]),
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
    room = Room(service, "follow_ups", "follow_up")
    copied(room)
    migrations = len(list((room.package / "migrations" / "versions").glob("*.py")))

    made = skeleton.make(room)

    assert all(ast.parse(path.read_text()) for path in made)
    assert "        follow_ups.SLICE,\n    )" in (room.package / "app.py").read_text()
    assert "*follow_ups.EVENTS" in (room.contracts / "__init__.py").read_text()
    [migration] = (room.package / "migrations" / "versions").glob("*_follow_ups.py")
    assert migration.name == f"{migrations + 1:04}_follow_ups.py"
    assert f'revision = "{migrations + 1:04}"\ndown_revision = "{migrations:04}"' in migration.read_text()
