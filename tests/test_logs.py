"""The log of a command, as its user reads it."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import warnings
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange.cli import serve
from failing_exchange.cli.logs import LOGGER, all_as_json, to_stderr
from failing_exchange.cli.main import main
from failing_exchange.journal.trip import Trip

logger = logging.getLogger(LOGGER)


def a_command(monkeypatch: pytest.MonkeyPatch, *elsewhere: logging.Handler) -> None:
    """As a command starts; pytest's own handlers would be somebody's log."""
    monkeypatch.setattr(logging.getLogger(), "handlers", list(elsewhere))
    monkeypatch.setattr(logger, "handlers", [])
    to_stderr()


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


def json_lines(text: str) -> list[dict[str, Any]]:
    """Each line of it; a line of text would be an error."""
    return [json.loads(line) for line in text.splitlines()]


def test_as_json_a_line_is_an_object_with_the_requests_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is quoted in it can't end the object either."""
    a_command(monkeypatch)
    trip = Trip(17, 0, "main", "fetch_time", (), "")
    with all_as_json():
        for _ in range(2):
            logger.error("a bug in the venue: %s could not be answered", trip)
        logger.warning("can't arm %s", 'mine"}\n{')
    first, second = json_lines(capsys.readouterr().err)
    assert (first["request"], first["level"], first["logger"]) == (17, "error", LOGGER)
    assert first["message"].startswith("a bug in the venue: <Trip 17 main fetch_time")
    assert second["message"] == "can't arm mine\"}\\n{"
    assert "request" not in second


def test_whatever_would_be_text_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector of logs drops what it can't parse: other libraries, warnings, bugs, threads."""
    a_command(monkeypatch)
    monkeypatch.setattr(warnings, "filters", [("always", None, Warning, None, 0)])
    broken = threading.Thread(target=lambda: 1 // 0, name="a thread")
    before = sys.excepthook

    def story() -> None:
        logging.getLogger("asyncio").error("Task exception was never retrieved")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        broken.start()
        broken.join()
        raise KeyError("a bug")

    with pytest.raises(SystemExit) as ended, all_as_json():
        story()
    said = json_lines(capsys.readouterr().err)
    assert [line["logger"] for line in said] == ["asyncio", "py.warnings", LOGGER, LOGGER]
    assert "DeprecationWarning: old" in said[1]["message"]
    assert "ZeroDivisionError" in said[2]["message"]
    assert said[3]["traceback"].endswith("KeyError: 'a bug'\n")
    assert (ended.value.code, sys.excepthook) == (2, before)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--port", "no"], "argument --port: no; expected a whole number"),
        (["--port"], "argument --port: expected one argument"),
        (["--scenario", "nothing"], "no scenario 'nothing'"),
        (["--port", "TAKEN"], "stop what listens there, or give another --port"),
    ],
)
@pytest.mark.parametrize("environment", [False, True])
def test_an_error_at_the_start_is_json_too(
    arguments: list[str],
    why: str,
    environment: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that does not start is when its log is read."""
    a_command(monkeypatch)
    if environment:
        monkeypatch.setenv("FAILING_EXCHANGE_LOG_FORMAT", "json")
    else:
        arguments = ["--log-format", "json", *arguments]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with suppress(SystemExit):
            assert main(["serve", *(port if one == "TAKEN" else one for one in arguments)]) == 2
    told = capsys.readouterr()
    (line,), (document,) = json_lines(told.err), json_lines(told.out)
    assert why in line["message"]
    assert (line["level"], line["logger"]) == ("error", LOGGER)
    assert (document["kind"], document["exit_code"]) == ("error", 2)
    assert document["error"] in line["message"]


def test_ctrl_c_at_the_start_is_json_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the server listens, nothing else handles it."""
    a_command(monkeypatch)

    def interrupted(options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "_check", interrupted)
    assert main(["serve", "--log-format", "json"]) == 130
    assert json_lines(capsys.readouterr().err)[0]["message"] == "interrupted"
