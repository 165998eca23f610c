"""When Python looks for reference cycles: seldom, and never among what was loaded at the start."""

from __future__ import annotations

import gc

THRESHOLDS = (20_000, 20, 50)
"""Objects before a look at the young ones, and looks before one at the older: a request makes a few hundred, none in cycles."""


def settle() -> None:
    """Set aside everything that lives now, for good, and look seldom from here on. Call it once all has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()
