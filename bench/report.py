"""What a measurement says: its figures beside the baseline of the same run, and the goal."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One measured figure. `ratio` is ours / baseline; `goal` says what we aim at, in words."""

    section: str
    what: str
    ours: str
    baseline: str
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None


def median(values: list[float]) -> float:
    """Return the middle of the rounds."""
    return statistics.median(values)


def show(lines: list[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = ["| section | what | ours | baseline | ratio | goal | met |", "|---|---|---|---|---|---|---|"]
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        met = "" if line.met is None else ("yes" if line.met else "**no**")
        rows.append(f"| {line.section} | {line.what} | {line.ours} | {line.baseline} | {ratio} | {line.goal} | {met} |")
    return "\n".join(rows)


def machine() -> str:
    """Return what the figures were measured on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"


def save(lines: list[Line], path: Path) -> None:
    """Keep the figures as JSON for comparing runs."""
    path.write_text(json.dumps({"machine": machine(), "lines": [asdict(line) for line in lines]}, indent=1) + "\n")
