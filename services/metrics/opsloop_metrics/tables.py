"""The metrics service's one Base."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from opsloop_common.plumbing import NAMING


class Base(DeclarativeBase):
    """Tables of the metrics service."""

    metadata = MetaData(naming_convention=NAMING)
