"""Alembic environment of the metrics service."""

from opsloop_common.migrations import run_environment

run_environment()
