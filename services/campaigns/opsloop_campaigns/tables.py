"""The base of all tables of the campaigns service."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from opsloop_common.plumbing import NAMING


class Base(DeclarativeBase):
    """Tables of the campaigns service."""

    metadata = MetaData(naming_convention=NAMING)
