"""A new room for a service: the model room of the sample service, copied under another name, so that it cannot be out of date.

`python -m opsloop_common.testing.skeleton feedback follow_ups` from the repository's root; `make slice` also sorts the imports that it
adds and writes the contracts.
"""

from __future__ import annotations

import builtins
import json
import keyword
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

COMMON = Path("libs/common")
SAMPLE = COMMON / "opsloop_common" / "testing" / "sample"
WORLDS = Path("tests") / "contracts" / "worlds"
SNAKE = re.compile(r"[a-z]+(_[a-z]+)*")
MODEL = re.compile(r'(/v1/|NOUN = ")?(?:(?<![A-Za-z])([Aa])([ _]))?(reminder|Reminder|REMINDER)(s?)')
"""The model's name, with the article before it, if any, and what tells a path and prose."""
VOWEL = re.compile("(?!eu|one|uni|use|uti)[aeiou]|hour")
TABLE = re.compile(r'(?:__tablename__ = |\bTable\(\s*)"(\w+)"')


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
        ("opsloop_common.testing.sample.reminders.events", f"opsloop_common.contracts.{service}.reminders"),
        ("opsloop_common.testing.sample.service", f"{ours}.app"),
        ("opsloop_common.testing.sample", ours),
        ("SAMPLE", "SERVICE"),
        ('"sample:', f'"{service}:'),
        ('"sample.', f'"{service}.'),
        ('"sample"', f'"{service}"'),
    ):
        source = source.replace(before, after)
    parts = source.split('"""')
    parts[1::2] = [MODEL.sub(lambda found: _called(found, room, " "), part) for part in parts[1::2]]
    parts[0::2] = [MODEL.sub(lambda found: _called(found, room, "_"), part) for part in parts[0::2]]
    return '"""'.join(parts)


def _called(found: re.Match[str], room: Room, gap: str) -> str:
    """Return what stands for the model's name where it was found."""
    before, article, space, model, plural = found.groups(default="")
    gap = {"/v1/": "-", "": gap}.get(before, " ")
    word = (room.name if plural else room.one).replace("_", gap)
    if model.isupper():
        word = word.upper()
    elif model.istitle():
        word = word.title().replace("_", "") if gap == "_" else word.capitalize()
    an = "n" if article and VOWEL.match(room.one) else ""
    return f"{before}{article}{an}{space}{word}"


def make(room: Room) -> list[Path]:
    """Write the room, its migration, its events and its tests, and list it where rooms are listed; returns what was written.

    A FileExistsError names what is there already, and then nothing is written.
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
    text = _after(app.read_text(), r"slices=\(\n(?: +[\w.]+,(?:  #[^\n]*)?\n)+", f"        {room.name}.SLICE,\n")
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


def refusals(room: Room) -> Iterator[str]:
    """Yield why a room cannot be called so; nothing when it can."""
    name, one = room.name, room.one
    if name == one or not (SNAKE.fullmatch(name) and SNAKE.fullmatch(one)):
        yield f"{name!r} of {one!r}: a room is called after what lives there, in the plural, like follow_ups; ONE says one of them"
        return
    for word in (name, one):
        if keyword.iskeyword(word) or hasattr(builtins, word) or word in RESERVED_WORDS:
            yield f"{word} means something else in Python or SQL"
    for package in sorted(Path("services").glob("*/opsloop_*")):
        if (package / name / "__init__.py").is_file():
            yield f"{package.parent.name} has a room {name} already, and worlds and events are called after their room"
    if (room.package / f"{name}.py").exists():
        yield f"{room.service} has a module {name} already"
    if one in set(_tables(room)):
        yield f"{room.service} has a table {one} already"
    if f'"{one}.rung"' in "".join(file.read_text() for file in room.contracts.parent.glob("*/*.py")):
        yield f"there are events called {one}.rung already"
    if f"/v1/{name.replace('_', '-')}" in _paths():
        yield f"there is a door /v1/{name.replace('_', '-')} already"
    model = _names_of_the_model()
    given = {renamed(each, room) for each in model if MODEL.search(each)}
    if taken := given & ({each for each in model if not MODEL.search(each)} | _names_of_the_contract(room.service)):
        yield f"the room's own code or contract says {', '.join(sorted(taken))} already, in another sense"


def _tables(room: Room) -> Iterator[str]:
    common = COMMON / "opsloop_common"
    for file in (*room.package.rglob("*.py"), *common.rglob("*.py")):
        if common / "testing" not in file.parents:
            yield from TABLE.findall(file.read_text())


def _paths() -> set[str]:
    """Return the beginnings of the paths of all services: one front stands before them."""
    documents = (json.loads(file.read_text()) for file in Path("services").glob("*/openapi.json"))
    return {"/".join(re.split("[/:]", path)[:3]) for document in documents for path in document["paths"]}


def _names_of_the_contract(service: str) -> set[str]:
    """Return the shapes, the operations and the path parameters of a service."""
    document = json.loads((Path("services") / service / "openapi.json").read_text())
    operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    return operations | set(document["components"]["schemas"]) | set(re.findall(r"{(\w+)}", "".join(document["paths"])))


def _names_of_the_model() -> set[str]:
    """Return each name that the code of the model and its tests knows."""
    found = set()
    for file in (
        *(SAMPLE / "reminders").glob("*.py"),
        WORLDS / "reminders.py",
        *(COMMON / "tests").glob("test_reminders*.py"),
    ):
        with file.open("rb") as source:
            found |= {token.string for token in tokenize.tokenize(source.readline) if token.type == tokenize.NAME}
    return found


def main(service: str, name: str, one: str | None = None) -> None:
    """Make a room, or say why there is none; `one` where the singular of `name` is not what it looks like."""
    room = Room(service, name, one or re.sub("ie$", "y", name.removesuffix("s")))
    if not room.package.is_dir():
        sys.exit(f"{service!r} is no service, or this is not the repository's root")
    if why := next(refusals(room), None):
        sys.exit(why)
    try:
        made = make(room)
    except FileExistsError as error:
        sys.exit(str(error))
    sys.stdout.writelines(f"{path}\n" for path in made)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("make slice SERVICE=feedback NAME=follow_ups [ONE=follow_up]")
    main(*sys.argv[1:])
