"""Tables of orders and refunds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_metrics.orders.rules import Kind, Money
from opsloop_metrics.tables import Base

_IMPORTED = text("import_id IS NOT NULL")


class CustomerOrder(Base):
    """What somebody paid; `user_id` is null once that person was erased. `refunded_minor` is the sum of its refunds."""

    __tablename__ = "customer_order"
    __table_args__ = (
        check_in("kind", Kind),
        CheckConstraint("0 <= refunded_minor AND refunded_minor <= minor_amount", name="refunded_minor"),
        UniqueConstraint("workspace", "order_id"),
        Index("ix_customer_order_newest", "workspace", "ordered_at", "id"),
        Index("ix_customer_order_currency", "workspace", "currency", "ordered_at"),
        Index("ix_customer_order_user_id", "workspace", "user_id"),
        Index("ix_customer_order_import_id", "import_id", postgresql_where=_IMPORTED),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    order_id: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str | None] = mapped_column(Text)
    minor_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
    ordered_at: Mapped[datetime] = mapped_column(Moment)
    kind: Mapped[str] = mapped_column(Text)
    product: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    import_id: Mapped[UUID | None] = mapped_column(Uuid, comment="the file that brought it")

    @property
    def total(self) -> Money:
        """Return what was paid."""
        return Money(self.minor_amount, self.currency)

    @property
    def refunded(self) -> Money:
        """Return what went back so far."""
        return Money(self.refunded_minor, self.currency)


class Refund(Base):
    """What went back of an order, in its currency."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("minor_amount > 0", name="minor_amount"),
        UniqueConstraint("customer_order_id", "refund_id"),
        Index("ix_refund_newest", "workspace", "currency", "refunded_at"),
        Index("ix_refund_import_id", "import_id", postgresql_where=_IMPORTED),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    customer_order_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("customer_order.id", ondelete="CASCADE"))
    refund_id: Mapped[str] = mapped_column(Text)
    minor_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    refunded_at: Mapped[datetime] = mapped_column(Moment)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    import_id: Mapped[UUID | None] = mapped_column(Uuid, comment="the file that brought it")

    @property
    def amount(self) -> Money:
        """Return what went back."""
        return Money(self.minor_amount, self.currency)
