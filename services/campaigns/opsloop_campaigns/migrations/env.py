"""Alembic environment of the campaigns service."""

from opsloop_common.migrations import run_environment

run_environment()
