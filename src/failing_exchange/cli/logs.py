"""The log of a command: warnings and errors on stderr, each as one line of the program's own."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

LOGGER = "failing_exchange"
BOTS = "failing_exchange.resilience"  # says what the bot does, which is the bot's to tell


def to_stderr() -> None:
    """Say warnings and errors from now on, unless whoever runs us has set up a log."""
    logger = logging.getLogger(LOGGER)
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines())


class _Lines(logging.Handler):
    """Writes a line a record; one that says the same as the line before it says nothing new."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is ours to say, and is not said elsewhere."""
        return not record.name.startswith(BOTS) and not logging.getLogger().handlers

    def emit(self, record: logging.LogRecord) -> None:
        """Say it; where nobody reads stderr any more, nobody is told."""
        try:
            line = _line(record)
            if line != self._last:
                self._last = line
                sys.stderr.write(f"{line}\n")
        except Exception:
            self.handleError(record)


def _line(record: logging.LogRecord) -> str:
    """A record as one line: control characters of what is quoted in it begin no other."""
    text = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        text += f": {type(error).__name__}: {error}{_place(error)}"
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return f"failing-exchange: {shown}"


def _place(error: BaseException) -> str:
    """Where a bug began, for whoever reports it."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
