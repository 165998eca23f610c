"""Settings of the one-process runner."""

from __future__ import annotations

import unicodedata
from importlib import import_module
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from opsloop.outlines import OUTLINES
from opsloop_common.settings import Settings


class EmbeddedSettings(Settings):
    """What `opsloop` reads besides the settings that all services share."""

    data_dir: Path = Path(".opsloop")
    bus: Literal["local"] = "local"
    postgres_user: str | None = None
    """Whom PostgreSQL runs as when root starts it, a user of its own. Default: `opsloop` when there is one, else a number."""

    @field_validator("data_dir", mode="before")
    @classmethod
    def _a_name(cls, value: object) -> object:
        # URLs, messages and PostgreSQL's files of lines hold it: no bytes that are not UTF-8, no line breaks
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(value)):
            raise ValueError("must be UTF-8 without control characters")
        return value


def read_settings() -> EmbeddedSettings:
    """Return the settings of the one process; raises BadSettings, also for those that only one of the services reads."""
    found = EmbeddedSettings()
    for name in OUTLINES:
        module = import_module(f"opsloop_{name}.settings")
        getattr(module, f"{name.capitalize()}Settings")()
    return found
