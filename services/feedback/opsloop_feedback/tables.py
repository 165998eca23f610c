"""The declarative base of this service's tables."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from opsloop_common.plumbing import NAMING


class Base(DeclarativeBase):
    """Tables of the feedback service."""

    metadata = MetaData(naming_convention=NAMING)
