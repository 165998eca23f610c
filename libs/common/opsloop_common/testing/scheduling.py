"""How the tests are spread over workers, where there are any."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadGroupScheduling


class ByFileOrGroup(LoadGroupScheduling):
    """A worker gets a whole file, so that what is made once a module is made once, or a whole `xdist_group`."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return scope.partition("::")[0]


def is_worker(config: pytest.Config) -> bool:
    """Say whether this process works for another one that began the run."""
    return hasattr(config, "workerinput")
