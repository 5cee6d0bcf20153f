"""Tracebacks of errors in the user's code: a bot, a rule, a callback, a script."""

from __future__ import annotations

import os
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

from failing_exchange.text.spelling import printable

PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
BOTS = os.path.join(PACKAGE, "runs", "bots") + os.sep  # reference bots are bots
FRAMES_MAX = 20  # of one error, the innermost; the others are counted
CHAIN_MAX = 5  # errors in one chain of causes; earlier ones are left out
TEXT_MAX = 2_000  # characters of an error's own text; the rest is cut
ENTRIES = tuple(
    PACKAGE + name.replace("/", os.sep)
    for name in ("__main__.py", "cli/main.py", "runs/bot_run.py", "simulation.py")
)
INSTALLED = "site-packages"
LIBRARIES = tuple(
    os.path.realpath(path) + os.sep
    for path in dict.fromkeys(
        sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")
    )
)


CLAIMED_MAX = 100  # folders; one more is refused
_claimed: dict[str, None] = {}  # folders of installed programs that run as bots


def claim(folder: str) -> None:
    """Count the files of an installed package as a bot's: it is the program that is run."""
    if len(_claimed) >= CLAIMED_MAX:
        raise ValueError(f"{CLAIMED_MAX} programs were loaded; start a new process")
    _claimed[os.path.realpath(folder) + os.sep] = None


def own_traceback(error: BaseException) -> str:
    """The traceback of an error, with the frames that are neither ours nor a library's.

    The causes of the error come first.

    >>> try:
    ...     {}["a"]
    ... except KeyError as error:
    ...     own_traceback(error).splitlines()[-1]
    "KeyError: 'a'"
    """
    parts = [_one(each) for each in _chain(error)]
    return "\n\nwhich led to:\n\n".join(reversed(parts))


def own_place(error: BaseException) -> str:
    """The innermost line of theirs in an error's traceback, as "mybot.py:12"; empty: none."""
    frames = _frames(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def own_call(error: BaseException) -> str:
    """Which call of theirs failed, as "told() at myrules.py:12 raised KeyError: 'x'"; or empty."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if is_theirs(one.filename)]
    if not frames:
        return ""
    last = traceback.format_exception_only(error)[-1].strip()
    text = last if len(last) <= TEXT_MAX else f"{last[:TEXT_MAX]}…"
    return f"{frames[-1].name}() at {_shown(frames[-1].filename)}:{frames[-1].lineno} raised {text}"


def own_place_of(frame: FrameType | None) -> str:
    """Where code of theirs is, seen from one of its frames, as "main() at mybot.py:12".

    Where only installed code is on the stack, as in a thread of a library: its innermost line.
    """
    installed = ""
    while frame is not None:
        file = frame.f_code.co_filename
        place = f"{frame.f_code.co_name}() at {_shown(file)}:{frame.f_lineno}"
        if is_theirs(file):
            return place
        if INSTALLED in file and not installed:
            installed = place
        frame = frame.f_back
    return installed or "code of a library"


def first_line(error: BaseException) -> str:
    """The first line of an error's text; an assertion may have a page of it."""
    return printable(next((line.strip() for line in str(error).splitlines() if line.strip()), ""))


def error_line(error: BaseException) -> str:
    """An error in one line, with its place in the user's code.

    >>> error_line(ValueError("no price"))
    'ValueError: no price'
    """
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    place = own_place(error)
    return f"{type(error).__name__}: {first_line(error)}{f' ({place})' if place else ''}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, the last first."""
    known: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and len(known) < CHAIN_MAX and all(one is not k for k in known):
        yield one
        known.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _one(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).rstrip("\n")
    if len(text) > TEXT_MAX:
        text = f"{text[:TEXT_MAX]}…"
    frames = _frames(error.__traceback__)
    if not frames:
        return text
    left_out = len(frames) - FRAMES_MAX
    more = [f"  ({left_out} frames are left out)"] if left_out > 0 else []
    shown = "".join(traceback.StackSummary.from_list(frames[-FRAMES_MAX:]).format()).rstrip("\n")
    return "\n".join(["Traceback (most recent call last):", *more, shown, text])


def _frames(tb: TracebackType | None) -> list[traceback.FrameSummary]:
    """Those of their code; for code that is installed as a library, the libraries' frames."""
    found = traceback.extract_tb(tb)
    entries = [n for n, one in enumerate(found) if os.path.realpath(one.filename) in ENTRIES]
    del found[: entries[-1] + 1 if entries else 0]  # the callers of this package
    theirs = [one for one in found if is_theirs(one.filename)]
    theirs = theirs or [one for one in found if INSTALLED in one.filename]
    return [
        traceback.FrameSummary(_shown(one.filename), one.lineno, one.name, line=one.line)
        for one in theirs
    ]


def is_theirs(filename: str) -> bool:
    """Whether code of a file is a bot's: neither ours nor of a library."""
    path = os.path.realpath(filename)
    if path.startswith((BOTS, *_claimed)):
        return True
    hidden = filename.startswith("<frozen") or INSTALLED in path
    return not (hidden or path.startswith((PACKAGE, *LIBRARIES)))


def _shown(filename: str) -> str:
    """A file as one would name it from here."""
    try:
        return str(Path(filename).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return filename
