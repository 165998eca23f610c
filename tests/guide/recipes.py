"""Do what a recipe of the guide says: its blocks, in their order.

- `python <path>` (any language with a path): the file is written; what is there already is added to.
- `diff <path>`: the lines without `+` are found there, once, and become the lines without `-`; `@@` begins another place.
- `sh`: each line is run.

A path may have a `*` that fits one file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REWRITTEN = "from __future__ import annotations"
"""What begins with its own imports is a whole file."""


@dataclass(frozen=True)
class Block:
    """One fenced block. `path` is empty for commands."""

    language: str
    path: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page that are to be done; those without a path that are not commands are only to be read."""
    for language, path, text in BLOCK.findall(page):
        if path or language == "sh":
            yield Block(language, path, text)


def follow(page: str, root: Path, run: Callable[[str], None]) -> None:
    """Do all blocks of a page below `root`; commands are handed to `run`."""
    for block in blocks(page):
        if block.language == "sh":
            for command in block.text.splitlines():
                run(command)
            continue
        path = found(root, block.path)
        path.write_text(patched(path.read_text(), block) if block.language == "diff" else written(path, block.text))


def found(root: Path, path: str) -> Path:
    """Return the one file that a path means."""
    if "*" not in path:
        return root / path
    [match] = root.glob(path)
    return match


def written(path: Path, text: str) -> str:
    """Return what a file holds after a block that is no diff."""
    if not path.exists() or REWRITTEN in text:
        return text
    return f"{path.read_text().rstrip()}\n\n\n{text}"


def patched(source: str, block: Block) -> str:
    """Return a file's text after a diff; a ValueError when a place is not there, or there twice."""
    for hunk in re.split(r"^@@\n", block.text, flags=re.MULTILINE):
        lines = [(line[:1], line[1:]) for line in hunk.splitlines()]
        before = "".join(f"{line}\n" for sign, line in lines if sign != "+")
        after = "".join(f"{line}\n" for sign, line in lines if sign != "-")
        if source.count(before) != 1:
            raise ValueError(f"{block.path}: {source.count(before)} places look like\n{before}")
        source = source.replace(before, after)
    return source
