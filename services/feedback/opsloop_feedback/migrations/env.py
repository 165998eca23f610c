"""Alembic environment of the feedback service."""

from opsloop_common.migrations import run_environment

run_environment()
