"""What a bot printed last: a program that ends itself says why on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any, cast

LINES_KEPT_MAX = 10  # of what was printed; earlier ones are not shown
TEXT_KEPT_MAX = 2_000  # characters of these lines; what is older is not shown


class LastWords:
    """A stream that passes on what is written to another one, and keeps the end of it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream  # None: a process without stderr
        self._kept = ""

    def write(self, text: str) -> int:
        """Write a string, and keep it."""
        self._kept = (self._kept + str(text))[-TEXT_KEPT_MAX:]
        return len(text) if self._stream is None else int(self._stream.write(text))

    def writelines(self, lines: Any) -> None:
        """Write several strings, and keep them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the other stream."""
        if self._stream is not None:
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def lines(self) -> list[str]:
        """The last lines that are not empty."""
        kept = [line.rstrip() for line in self._kept.splitlines() if line.strip()]
        return kept[-LINES_KEPT_MAX:]


@contextmanager
def last_words() -> Iterator[LastWords]:
    """Keep the end of what the block prints to stderr."""
    kept = LastWords(sys.stderr)
    with redirect_stderr(cast(Any, kept)):
        yield kept
