"""Alembic environment of the sample service."""

from opsloop_common.migrations import run_environment

run_environment()
