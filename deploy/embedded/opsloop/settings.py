"""Settings of the one-process runner."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opsloop_common.settings import Settings


class EmbeddedSettings(Settings):
    """What `opsloop` reads besides the settings that all services share."""

    data_dir: Path = Path(".opsloop")
    bus: Literal["local"] = "local"
