"""HTTP doors of downloads; they come as files: `POST /v1/imports?format=store_downloads`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_common.http.schemas import ShortText
from opsloop_metrics.store_downloads import queries
from opsloop_metrics.store_downloads.rules import Span
from opsloop_metrics.store_downloads.schemas import DownloadSumOut, StoreDownloadOut

router = ApiRouter(tags=["store downloads"])
READ = allow("metrics:read")
_FIRST = date(1970, 1, 1)


@dataclass(frozen=True)
class _Chosen:
    start: Annotated[date | None, Query(alias="from", description="On this day or later.")] = None
    end: Annotated[date | None, Query(alias="to", description="On this day or earlier.")] = None
    store: Annotated[ShortText | None, Query(description="Such as `app_store` or `google_play`.")] = None
    app: Annotated[ShortText | None, Query(description="As the store's report names it.")] = None
    country: Annotated[ShortText | None, Query(description="Such as `CN`.")] = None


Chosen = Annotated[_Chosen, Depends()]


@router.get("/v1/store-downloads", dependencies=[READ])
async def list_store_downloads(session: Db, page: PageQuery, chosen: Chosen) -> Listing[StoreDownloadOut]:
    """List downloads by day, store, app and country, the latest day first."""
    found = await paginate(session, queries.downloads(session, **asdict(chosen)), page, by=queries.LATEST_FIRST)
    return found.map(StoreDownloadOut.model_validate)


@router.get("/v1/store-downloads/sums", dependencies=[READ])
async def sum_store_downloads(
    session: Db,
    page: PageQuery,
    chosen: Chosen,
    interval: Annotated[Span, Query(description="Weeks begin on Monday.")] = Span.DAY,
) -> Listing[DownloadSumOut]:
    """Add up downloads by day, week or month, the latest first; what has none is left out."""
    found = await paginate(
        session, queries.sums(session, interval, **asdict(chosen)), page, by=queries.BY_SPAN[interval]
    )
    return found.map(_summed)


def _summed(row: Any) -> DownloadSumOut:
    return DownloadSumOut(start=_FIRST + timedelta(days=row.place), downloads=row.downloads)
