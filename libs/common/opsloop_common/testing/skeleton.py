"""A new room for a service: the model room of the sample service, copied under another name, so that it cannot be out of date.

`python -m opsloop_common.testing.skeleton feedback follow_ups` from the repository's root; `make slice` also sorts the imports that it
adds and writes the contracts.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

COMMON = Path("libs/common")
SAMPLE = COMMON / "opsloop_common" / "testing" / "sample"
WORLDS = Path("tests") / "contracts" / "worlds"
NAME = re.compile(r"[a-z]+(_[a-z]+)*s")


@dataclass(frozen=True)
class Room:
    """The new room. `name` is the plural of what lives there, `one` its singular."""

    service: str
    name: str
    one: str

    @property
    def package(self) -> Path:
        """Return the folder of the service's package."""
        return Path("services") / self.service / f"opsloop_{self.service}"

    @property
    def contracts(self) -> Path:
        """Return the folder of the service's events."""
        return COMMON / "opsloop_common" / "contracts" / self.service


def renamed(source: str, room: Room) -> str:
    """Return a part of the model as it reads in the room: words in prose, hyphens in paths, names in code."""
    ours, service = f"opsloop_{room.service}", room.service
    for before, after in (
        ("opsloop_common.testing.sample.reminders.events", f"opsloop_common.contracts.{service}.{room.name}"),
        ("opsloop_common.testing.sample.service", f"{ours}.app"),
        ("opsloop_common.testing.sample", ours),
        ("SAMPLE", "SERVICE"),
        ('"sample:', f'"{service}:'),
        ('"sample.', f'"{service}.'),
        ('"sample"', f'"{service}"'),
        ("/v1/reminders", f"/v1/{room.name.replace('_', '-')}"),
        ('NOUN = "reminder"', f'NOUN = "{room.one.replace("_", " ")}"'),
    ):
        source = source.replace(before, after)
    parts = source.split('"""')
    parts[1::2] = [_words(part, room, " ") for part in parts[1::2]]
    parts[0::2] = [_words(part, room, "_") for part in parts[0::2]]
    return '"""'.join(parts)


def _words(text: str, room: Room, gap: str) -> str:
    name, one = (word.replace("_", gap) for word in (room.name, room.one))
    camel = room.one.title().replace("_", "") if gap == "_" else one.capitalize()
    plural = name.capitalize() if gap == " " else room.name.title().replace("_", "")
    for before, after in (("reminders", name), ("reminder", one), ("Reminders", plural), ("Reminder", camel)):
        text = text.replace(before, after)
    return text


def make(room: Room) -> list[Path]:
    """Write the room, its migration, its events and its tests, and list it where rooms are listed; returns what was written.

    A FileExistsError names what is there already, and then nothing is written. The worlds of all services share a folder, so that
    may be another service's.
    """
    made = _files(room)
    if there := [str(file) for file in made if file.exists()]:
        raise FileExistsError(f"there already: {', '.join(there)}")
    for file, text in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return [*made, _list_slice(room), _list_events(room)]


def _files(room: Room) -> dict[Path, str]:
    made = {
        room.package / room.name / file.name: renamed(file.read_text(), room)
        for file in sorted((SAMPLE / "reminders").glob("*.py"))
        if file.name != "events.py"
    }
    made[room.contracts / f"{room.name}.py"] = renamed((SAMPLE / "reminders" / "events.py").read_text(), room)
    made[WORLDS / f"{room.name}.py"] = renamed((WORLDS / "reminders.py").read_text(), room)
    for tests in (COMMON / "tests").glob("test_reminders*.py"):
        path = Path("services") / room.service / "tests" / tests.name.replace("reminders", room.name)
        made[path] = renamed(tests.read_text(), room)
    path, migration = _migration(room)
    made[path] = migration
    return made


def _migration(room: Room) -> tuple[Path, str]:
    """Return the model's migration, as the next of the service's."""
    versions = room.package / "migrations" / "versions"
    last = max(file.name[:4] for file in versions.glob("[0-9]*.py"))
    number = f"{int(last) + 1:04}"
    [model] = (SAMPLE / "migrations" / "versions").glob("*_reminders.py")
    text = re.sub(r"^revision = .*$", f'revision = "{number}"', model.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^down_revision = .*$", f'down_revision = "{last}"', text, flags=re.MULTILINE)
    return versions / f"{number}_{room.name}.py", renamed(text, room)


def _list_slice(room: Room) -> Path:
    app = room.package / "app.py"
    text = _after(app.read_text(), r"slices=\(\n(?: +[\w.]+,\n)+", f"        {room.name}.SLICE,\n")
    app.write_text(_import(text, f"from opsloop_{room.service}.{room.name} import slice as {room.name}\n"))
    return app


def _list_events(room: Room) -> Path:
    listed = room.contracts / "__init__.py"
    event = next(iter(re.findall(r"^class (\w+)\(EventData\)", (room.contracts / f"{room.name}.py").read_text(), re.M)))
    package = f"opsloop_common.contracts.{room.service}"
    text = _after(
        listed.read_text(), r"EVENTS: tuple\[type\[EventData\], \.\.\.\] = \(.*?(?=,?\s*\)\n)", f", *{room.name}.EVENTS"
    )
    text = _after(text, r"__all__ = \[\n", f'    "{event}",\n')
    listed.write_text(_import(text, f"from {package} import {room.name}\nfrom {package}.{room.name} import {event}\n"))
    return listed


def _import(text: str, line: str) -> str:
    return _after(text, r"from __future__ import annotations\n\n", line)


def _after(text: str, pattern: str, addition: str) -> str:
    """Put an addition behind the one place that a pattern finds."""
    [found] = re.finditer(pattern, text, re.DOTALL)
    return text[: found.end()] + addition + text[found.end() :]


def main(service: str, name: str, one: str | None = None) -> None:
    """Make a room, or say why there is none; `one` where the singular of `name` is not what it looks like."""
    room = Room(service, name, one or re.sub("ie$", "y", name.removesuffix("s")))
    if not NAME.fullmatch(name):
        sys.exit(f"{name!r}: a room is called after what lives there, in the plural, like follow_ups")
    if not room.package.is_dir():
        sys.exit(f"{service!r} is no service, or this is not the repository's root")
    if there := sorted(Path("services").glob(f"*/opsloop_*/{name}")):
        sys.exit(f"there is a room {name} already: {there[0]}; worlds and paths of all services are told apart by it")
    try:
        made = make(room)
    except FileExistsError as error:
        sys.exit(str(error))
    sys.stdout.writelines(f"{path}\n" for path in made)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("make slice SERVICE=feedback NAME=follow_ups [ONE=follow_up]")
    main(*sys.argv[1:])
