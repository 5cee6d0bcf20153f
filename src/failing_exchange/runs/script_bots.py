"""Bots that are programs: a plain `main()` that calls `asyncio.run`, with arguments of its own."""

from __future__ import annotations

import asyncio
import functools
import re
import shlex
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from failing_exchange.errors import ConfigurationError

SPEC = re.compile(r"(?P<bot>.+?:[A-Za-z_]\w*)\s+(?P<arguments>.+)", re.DOTALL)


class Spec(NamedTuple):
    """A bot by its name, and what it finds in `sys.argv` behind its file."""

    bot: str
    arguments: tuple[str, ...] = ()


def read_spec(text: str) -> Spec:
    """A bot with its arguments, as `with_arguments` writes it.

    >>> read_spec("bot.py:main --config 'my file.toml'")
    Spec(bot='bot.py:main', arguments=('--config', 'my file.toml'))
    """
    found = SPEC.fullmatch(text)
    if found is None:
        return Spec(text)
    try:
        return Spec(found["bot"], tuple(shlex.split(found["arguments"])))
    except ValueError as error:
        raise ConfigurationError(f"the arguments of {text!r} can't be read: {error}") from error


def with_arguments(bot: str, arguments: Sequence[str] | None) -> str:
    """A bot and its arguments as one text, for the command line and for tokens."""
    return f"{bot} {shlex.join(arguments)}" if arguments else bot


class _Given(BaseException):
    """A program has given its coroutine to `asyncio.run`; nothing of it goes on behind that."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        super().__init__("asyncio.run")
        self.coroutine = coroutine


def as_program(function: Callable[..., Any], place: str, arguments: Sequence[str]) -> Any:
    """A bot that runs `function` as a program of its own would: with `sys.argv`, and its loop.

    A plain function is run until it calls `asyncio.run`; what it gives to it is the bot. What the
    function would do after that, it does not do here.
    """

    @functools.wraps(function)
    async def bot(*args: Any, **kwargs: Any) -> Any:
        with _arguments(place, arguments):
            if asyncio.iscoroutinefunction(function):
                return await function(*args, **kwargs)
            return await _coroutine_of(function, place)

    return bot


def _coroutine_of(function: Callable[..., Any], place: str) -> Coroutine[Any, Any, Any]:
    with _taken():
        try:
            function()
        except _Given as given:
            return given.coroutine
    raise RuntimeError(
        f"{function.__name__}() ended without asyncio.run(...). A synchronous bot needs a served "
        f"venue: failing-exchange serve binance -- python {place}"
    )


@contextmanager
def _taken() -> Iterator[None]:
    """Let `asyncio.run` hand out what it is given, also where it was imported by its name."""

    def run(main: Coroutine[Any, Any, Any], **options: Any) -> Any:
        raise _Given(main)

    real = asyncio.run
    asyncio.run = run
    named = [
        (vars(module), name)
        for module in list(sys.modules.values())
        if not getattr(module, "__name__", "").startswith(("asyncio", "failing_exchange"))
        for name, value in list(getattr(module, "__dict__", {}).items())
        if value is real
    ]
    for namespace, name in named:
        namespace[name] = run
    try:
        yield
    finally:
        asyncio.run = real
        for namespace, name in named:
            namespace[name] = real


@contextmanager
def _arguments(place: str, arguments: Sequence[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = [place, *arguments]
    try:
        yield
    finally:
        sys.argv = before
