"""The log of a command, as its user reads it."""

from __future__ import annotations

import json
import logging

import pytest

from failing_exchange.cli.logs import LOGGER, to_stderr
from failing_exchange.journal.trip import Trip

logger = logging.getLogger(LOGGER)


def a_command(
    monkeypatch: pytest.MonkeyPatch, *elsewhere: logging.Handler, as_json: bool = False
) -> None:
    """As a command starts; pytest's own handlers would be somebody's log."""
    monkeypatch.setattr(logging.getLogger(), "handlers", list(elsewhere))
    monkeypatch.setattr(logger, "handlers", [])
    to_stderr(as_json=as_json)


def test_a_warning_is_a_line_of_the_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is quoted in it can't forge another, and saying it again says nothing new."""
    a_command(monkeypatch)
    to_stderr()
    for _ in range(2):
        logger.warning("can't arm %s", "mine\nfailing-exchange: all is well\x1b[2J")
    logger.info("a malformed request")
    logging.getLogger("failing_exchange.resilience").warning("Order 1: TimeoutError()")
    assert capsys.readouterr().err == (
        "failing-exchange: can't arm mine\\nfailing-exchange: all is well\\x1b[2J\n"
    )


def test_a_bug_of_ours_names_its_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line is enough to report it."""
    a_command(monkeypatch)
    try:
        try:
            _ = 1 // 0
        except ZeroDivisionError as bug:
            raise RuntimeError("a bug ended the run") from bug
    except RuntimeError as error:
        logger.exception("Error handling request from %s", "127.0.0.1", exc_info=error)
    (line,) = capsys.readouterr().err.splitlines()
    assert "from 127.0.0.1: RuntimeError: a bug ended the run (test_logs.py, line " in line


def test_nothing_is_said_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that has set up a log of its own reads it there."""
    a_command(monkeypatch, logging.NullHandler())
    logger.warning("the journal can't be written")
    assert capsys.readouterr().err == ""


def test_as_json_a_line_is_an_object_with_the_requests_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is quoted in it can't end the object either."""
    a_command(monkeypatch, as_json=True)
    trip = Trip(17, 0, "main", "fetch_time", (), "")
    for _ in range(2):
        logger.error("a bug in the venue: %s could not be answered", trip)
    logger.warning("can't arm %s", 'mine"}\n{')
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["request"], first["level"], first["logger"]) == (17, "error", LOGGER)
    assert first["message"].startswith("a bug in the venue: <Trip 17 main fetch_time")
    assert second["message"] == "can't arm mine\"}\\n{"
    assert "request" not in second
