"""Structured logs: one JSON object a line on stderr, or readable lines on a terminal; the standard library's logs likewise."""

from __future__ import annotations

import logging
import re
import sys
from typing import IO, Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

LogFormat = Literal["json", "pretty"]

QUIET = {"aiokafka": logging.ERROR, "alembic": logging.WARNING, "uvicorn": logging.WARNING, "asyncio": logging.WARNING}

# PostgreSQL's DETAIL quotes the row at hand, SQLAlchemy the statement's parameters: both may be about people
_ABOUT_ROWS = re.compile(r"^(DETAIL|CONTEXT):.*$|^\[parameters: .*\]$", re.MULTILINE)


def _leave_out_rows(_: object, __: str, entry: EventDict) -> EventDict:
    for name in ("exception", "error"):
        if isinstance(text := entry.get(name), str):
            entry[name] = _ABOUT_ROWS.sub("", text).rstrip()
    return entry


def _make_visible(_: object, __: str, entry: EventDict) -> EventDict:
    # text of strangers may hold what moves a terminal's cursor or begins a line of its own, or what is no UTF-8
    for name, value in entry.items():
        if isinstance(value, str) and not value.isprintable():
            lines = value.split("\n") if name == "exception" else [value]
            entry[name] = "\n".join(line if line.isprintable() else repr(line)[1:-1] for line in lines)
    return entry


def _as_json(entry: EventDict, **_: Any) -> str:
    return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode(errors="replace")


def configure_logging(
    *, format: LogFormat | None = None, level: str = "info", stream: IO[str] | None = None, **bound: object
) -> None:
    """Set up this process's logs; `format` None: pretty on a terminal, JSON otherwise. `bound` goes into every line.

    Tracebacks are logged without the values of variables, and without what the database quotes of a row.
    """
    stream = stream or sys.stderr
    pretty = format == "pretty" or (format is None and stream.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def bind(_: object, __: str, entry: EventDict) -> EventDict:
        return {**bound, **entry}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        bind,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _leave_out_rows,
        _make_visible,
    ]
    last: Processor = structlog.processors.JSONRenderer(serializer=_as_json)
    if pretty:
        last = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(stream),  # type: ignore[arg-type]  # any text stream will do
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.INFO))
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(threshold, quiet))
