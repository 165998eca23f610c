"""The table of downloads."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Date, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_metrics.tables import Base


class StoreDownload(Base):
    """A row of a store's report, as the latest file that has its day, store, app and country says it."""

    __tablename__ = "store_download"
    __table_args__ = (Index("ix_store_download_import_id", "import_id"),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    store: Mapped[str] = mapped_column(Text, primary_key=True)
    app: Mapped[str] = mapped_column(Text, primary_key=True)
    country: Mapped[str] = mapped_column(Text, primary_key=True)
    detail: Mapped[str] = mapped_column(Text, primary_key=True)
    downloads: Mapped[int] = mapped_column(BigInteger)
    import_id: Mapped[UUID] = mapped_column(Uuid, comment="the file that says it")
