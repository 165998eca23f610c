"""Alembic environment of the notifications service."""

from opsloop_common.migrations import run_environment

run_environment()
