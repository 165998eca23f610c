"""Settings of the one-process runner."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opsloop_common.settings import Settings


class EmbeddedSettings(Settings):
    """What `opsloop` reads besides the settings that all services share."""

    data_dir: Path = Path(".opsloop")
    bus: Literal["local"] = "local"
    postgres_user: str | None = None
    """Whom PostgreSQL runs as when root starts it, a user of its own. Default: `opsloop` when there is one, else a number."""
