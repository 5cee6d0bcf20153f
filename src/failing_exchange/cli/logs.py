"""Log the warnings and errors of a command on stderr, one line each: text, or JSON."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from pathlib import Path

from failing_exchange.journal.trip import Trip
from failing_exchange.unified.instants import iso

LOGGER = "failing_exchange"
BOTS = "failing_exchange.resilience"  # speaks of the bot, so the bot's own log has to show it


def to_stderr(*, as_json: bool = False) -> None:
    """Log warnings and errors from now on, unless logging is already set up."""
    logger = logging.getLogger(LOGGER)
    lines = next((one for one in logger.handlers if isinstance(one, _Lines)), None)
    if lines is None:
        lines = _Lines()
        logger.addHandler(lines)
    lines.as_json = as_json


class _Lines(logging.Handler):
    """Writes one line per record; a line that repeats the one before it is left out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.as_json = False
        self._last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is ours, and no other handler writes it."""
        return not record.name.startswith(BOTS) and not logging.getLogger().handlers

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


def _json(record: logging.LogRecord, text: str) -> str:
    """A record as a JSON object; with the request's number where it is about one."""
    found = {
        "at": iso(int(record.created * 1_000)),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": text,
    }
    about = record.args if isinstance(record.args, tuple) else ()
    trip = next((one for one in about if isinstance(one, Trip)), None)
    return json.dumps(found if trip is None else found | {"request": trip.number})


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
