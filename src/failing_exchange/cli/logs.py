"""Log the warnings and errors of a command on stderr, one line each."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

LOGGER = "failing_exchange"
BOTS = "failing_exchange.resilience"  # speaks of the bot, so the bot's own log has to show it


def to_stderr() -> None:
    """Log warnings and errors from now on, unless logging is already set up."""
    logger = logging.getLogger(LOGGER)
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines())


class _Lines(logging.Handler):
    """Writes one line per record; a line that repeats the one before it is left out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is ours, and no other handler writes it."""
        return not record.name.startswith(BOTS) and not logging.getLogger().handlers

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; ignore a closed stderr."""
        try:
            line = _line(record)
            if line != self._last:
                self._last = line
                sys.stderr.write(f"{line}\n")
        except Exception:
            self.handleError(record)


def _line(record: logging.LogRecord) -> str:
    """A record as one line: control characters in quoted text are escaped."""
    text = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        text += f": {type(error).__name__}: {error}{_place(error)}"
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return f"failing-exchange: {shown}"


def _place(error: BaseException) -> str:
    """The file and line of the innermost error, for bug reports."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
