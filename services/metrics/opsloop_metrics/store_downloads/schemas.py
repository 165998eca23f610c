"""HTTP shapes of downloads."""

from __future__ import annotations

from datetime import date

from opsloop_common.http.schemas import OutModel


class StoreDownloadOut(OutModel):
    """How often an app was downloaded on a day (as its store counts days) from a store, in a country."""

    day: date
    store: str
    app: str
    country: str
    downloads: int


class DownloadSumOut(OutModel):
    """Downloads of the day, week or month that begins with `start`."""

    start: date
    downloads: int
