"""Run a service: build its runtime from the environment, serve its API, do its background work, in one process or many."""

from opsloop_common.runner.build import build_runtime
from opsloop_common.runner.cli import main
from opsloop_common.runner.worker import run_worker

__all__ = ["build_runtime", "main", "run_worker"]
