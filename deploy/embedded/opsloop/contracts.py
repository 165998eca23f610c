"""Write the committed contracts from the code, or check that they are what the code says.

`python -m opsloop.contracts` writes; with `--check` it compares and names what differs. Run from the repository's root.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from opsloop.services import MEMBERS
from opsloop_common.contracts.catalogue import BY_SERVICE, BY_TYPE
from opsloop_common.contracts.compatibility import incompatibilities
from opsloop_common.contracts.published import asyncapi, data_schema, envelope_schema
from opsloop_common.contracts.samples import sample
from opsloop_common.runner.whole import openapi

CONTRACTS = Path("libs/common/contracts")
RELEASED = CONTRACTS / "released"
"""The schemas as the last release had them: newer ones of the same version must serve their readers too."""
SAMPLES = CONTRACTS / "samples"
"""One document per released event type and version, never rewritten: today's code must read them all."""

Document = dict[str, Any]


def event_schemas() -> dict[Path, Document]:
    """Return every event schema by its path below a folder of contracts."""
    schemas = {Path("events") / kind.type / f"{kind.version}.json": data_schema(kind) for kind in BY_TYPE.values()}
    return schemas | {Path("events") / "envelope" / "1.json": envelope_schema()}


def documents() -> Iterator[tuple[Path, Document]]:
    """Yield every committed contract: its path in the repository, and what should be in it."""
    for service in MEMBERS:
        yield Path("services") / service.name / "openapi.json", openapi(service)
    for path, schema in event_schemas().items():
        yield CONTRACTS / path, schema
    for name in BY_SERVICE:
        yield CONTRACTS / "asyncapi" / f"{name}.json", asyncapi(name)


def render(document: Document) -> str:
    """Return the document as it is committed: stable, one change a line."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def differences(root: Path) -> list[str]:
    """Return one sentence per committed contract below `root` that is not what the code says; none is good."""
    expected = dict(documents())
    found = []
    for path, document in expected.items():
        if not (root / path).exists():
            found.append(f"{path}: missing")
        elif (root / path).read_text() != render(document):
            found.append(f"{path}: differs from the code")
    committed = {path.relative_to(root) for path in (root / CONTRACTS / "events").rglob("*.json")}
    return found + [f"{path}: nothing makes this any more" for path in sorted(committed - expected.keys())]


def breaks(root: Path) -> list[str]:
    """Return how today's event schemas would break readers of the released ones; none is good."""
    today = event_schemas()
    found = []
    for file in sorted((root / RELEASED).rglob("*.json")):
        path = file.relative_to(root / RELEASED)
        if path not in today:
            found.append(f"{path}: released, and no longer there")
            continue
        found += [f"{path}{sentence}" for sentence in incompatibilities(json.loads(file.read_text()), today[path])]
    return found


def main(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Compare instead of writing; exit 1 when they differ.")
    ] = False,
    release: Annotated[bool, typer.Option("--release", help="Also write the schemas down as released.")] = False,
) -> None:
    """Write the OpenAPI documents, event schemas and AsyncAPI documents, or check them."""
    root = Path()
    if not (root / CONTRACTS.parent).is_dir():
        raise typer.BadParameter("run this from the repository's root")
    problems = breaks(root)
    if check:
        problems += differences(root)
    else:
        for path, document in documents():
            _write(root / path, document)
        if release and not problems:
            for path, schema in event_schemas().items():
                _write(root / RELEASED / path, schema)
        for kind in BY_TYPE.values():
            path = root / SAMPLES / f"{kind.type}-{kind.version}.json"
            if not path.exists():
                _write(path, sample(kind).document())
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if problems:
        sys.stderr.write("`make contracts` writes them again; a break needs a new version of the event.\n")
        raise typer.Exit(1)


def _write(path: Path, document: Document) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(document))


if __name__ == "__main__":
    typer.run(main)
