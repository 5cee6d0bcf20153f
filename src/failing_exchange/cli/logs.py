"""Log the warnings and errors of a command on stderr, one line each: text, or JSON."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from failing_exchange.cli.exit_codes import COULD_NOT_RUN
from failing_exchange.journal.trip import Trip
from failing_exchange.unified.instants import iso

LOGGER = "failing_exchange"
BOTS = "failing_exchange.resilience"  # speaks of the bot, so the bot's own log has to show it


def to_stderr() -> None:
    """Log warnings and errors from now on, unless logging is already set up."""
    logger = logging.getLogger(LOGGER)
    if not any(isinstance(one, _Lines) for one in logger.handlers):
        logger.addHandler(_Lines())


@contextmanager
def all_as_json() -> Iterator[None]:
    """Log as JSON whatever would be text on stderr: records of all libraries, Python's warnings,
    and errors that nobody catches.
    """
    root, lines = logging.getLogger(), _Lines(as_json=True)
    root.addHandler(lines)
    logging.captureWarnings(True)
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook = lambda kind, error, trace: _uncaught(error)
    threading.excepthook = lambda args: _uncaught(args.exc_value)
    sys.unraisablehook = lambda args: _uncaught(args.exc_value)
    try:
        yield
    except BrokenPipeError:  # main() knows what to do
        raise
    except Exception as error:
        _uncaught(error)
        raise SystemExit(COULD_NOT_RUN) from error
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before
        logging.captureWarnings(False)
        root.removeHandler(lines)


def _uncaught(error: BaseException | None) -> None:
    logging.getLogger(LOGGER).critical("uncaught error", exc_info=error)


class _Lines(logging.Handler):
    """Writes one line per record; a line that repeats the one before it is left out."""

    def __init__(self, *, as_json: bool = False) -> None:
        super().__init__(logging.WARNING)
        self.as_json = as_json
        self._last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is for us, and no other handler writes it."""
        elsewhere = any(one is not self for one in logging.getLogger().handlers)
        return not record.name.startswith(BOTS) and not elsewhere

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; ignore a closed stderr."""
        try:
            text = _text(record)
            if text != self._last:
                self._last = text
                shown = _json(record, text) if self.as_json else f"failing-exchange: {text}"
                sys.stderr.write(f"{shown}\n")
        except Exception:
            self.handleError(record)


def error_line(text: str) -> str:
    """The line of JSON that says why a command ended."""
    return json.dumps(log_fields("error", text))


def log_fields(level: str, message: str) -> dict[str, Any]:
    """What each line of a log in JSON has, now."""
    now = iso(time.time_ns() // 1_000_000)
    return {"at": now, "level": level, "logger": LOGGER, "message": message}


def _json(record: logging.LogRecord, text: str) -> str:
    """A record as a JSON object; with the request's number where it is about one."""
    found: dict[str, Any] = {
        "at": iso(int(record.created * 1_000)),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": text,
    }
    about = record.args if isinstance(record.args, tuple) else ()
    trip = next((one for one in about if isinstance(one, Trip)), None)
    if trip is not None:
        found["request"] = trip.number
    if record.exc_info:
        found["traceback"] = "".join(traceback.format_exception(*record.exc_info))
    return json.dumps(found)


def _text(record: logging.LogRecord) -> str:
    """What a record says, as one line: control characters in quoted text are escaped."""
    text = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        text += f": {type(error).__name__}: {error}{_place(error)}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _place(error: BaseException) -> str:
    """The file and line of the innermost error, for bug reports."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
