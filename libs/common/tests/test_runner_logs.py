"""Logs: one object a line, tracebacks included, and nothing of what the database quotes about people."""

import io
import json
import logging
import warnings

import pytest
import structlog

from opsloop_common.logs import configure_logging


@pytest.fixture
def stream():
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield io.StringIO()
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def fail():
    address = "person@example.test"
    raise ValueError(f"duplicate key\nDETAIL:  Key (email)=({address}) already exists.\n[parameters: ('{address}',)]")


def test_json_lines_with_tracebacks_and_without_rows(stream):
    configure_logging(format="json", stream=stream, service="sample")
    log = structlog.get_logger("a")
    log.debug("quiet")
    try:
        fail()
    except ValueError:
        log.exception("it failed", n=1)
    logging.getLogger("some.library").warning("theirs %s", "too")

    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())

    assert (ours["event"], ours["level"], ours["service"], ours["n"]) == ("it failed", "error", "sample", 1)
    assert "in fail" in ours["exception"]
    assert "person@example.test" not in stream.getvalue()
    assert (theirs["event"], theirs["logger"], theirs["service"]) == ("theirs too", "some.library", "sample")


def test_pretty_lines_for_people(stream):
    configure_logging(format="pretty", stream=stream)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fail()
        except ValueError:
            structlog.get_logger("a").exception("it failed")

    assert "it failed" in stream.getvalue()
    assert "person@example.test" not in stream.getvalue()


@pytest.mark.parametrize("format", ["json", "pretty"])
def test_text_of_strangers_neither_moves_the_terminal_nor_begins_a_line(stream, format):
    configure_logging(format=format, stream=stream)

    structlog.get_logger("a").warning("unavailable", path="/\x1b[2J\n2026 all is well \ud800\u202e", said="支付失败")

    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert "支付失败" in line
    assert "all is well" in line
