"""Load a bot by its name: one that ships, or a function of a file or module of the user's.

A bot is `async def main(exchange)`, or a plain `main()` that may block, start threads and call
`asyncio.run`, as a program does.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.runs import programs
from failing_exchange.runs.bots import BOTS
from failing_exchange.runs.first_request import way_out
from failing_exchange.text.spelling import did_you_mean
from failing_exchange.text.tracebacks import error_line
from failing_exchange.virtual.blocking_sockets import barred

Bot = Callable[..., Any]
GIVEN = ("exchange", "notebook", "intents")  # what a bot may take, by these names
COMPILED_KEPT_MAX = 64  # files whose code is kept; beyond it the cache is emptied
PACKAGE = "failing_exchange"
SPEC = re.compile(r"(?P<bot>.+?:[A-Za-z_]\w*)\s+(?P<arguments>.+)", re.DOTALL)


# ---- names


class Spec(NamedTuple):
    """The name of a bot, and the arguments that it finds in `sys.argv[1:]`."""

    bot: str
    arguments: tuple[str, ...] = ()


def read_spec(text: str) -> Spec:
    """Split a bot from its arguments, as `with_arguments` has joined them.

    >>> read_spec("bot.py:main --config 'my file.toml'")
    Spec(bot='bot.py:main', arguments=('--config', 'my file.toml'))
    """
    found = SPEC.fullmatch(text)
    if found is None:
        return Spec(text)
    return Spec(found["bot"], programs.split_arguments(text, found["arguments"]))


def with_arguments(bot: str, arguments: Sequence[str] | None) -> str:
    """Join a bot and its arguments, for the command line and for tokens."""
    return f"{bot} {shlex.join(arguments)}" if arguments else bot


def find_bot(name: str) -> Bot:
    """Load a bot by name: `careful`, `naive`, `path.py:function` or `module:function`.

    `path.py` and `-m module` are whole programs. All but those that ship may be followed by the
    arguments that the bot finds in `sys.argv`. A user's module is executed anew by each call, so
    that a bot remembers nothing of an earlier run.

    Raises:
        ConfigurationError: the name, the file or the function is wrong; the message says how.
    """
    if name in BOTS:
        return BOTS[name]
    if ":" not in name:
        from failing_exchange.runs.bots.flawed import FLAWED

        if name in FLAWED:
            return FLAWED[name]
    program = programs.read(name)
    if program is not None:
        return _whole_program(program)
    name, arguments = read_spec(name)
    place, _, function = name.rpartition(":")
    if not place or not function:
        raise ConfigurationError(_unknown(name))
    module = load_module(place)
    bot: Any = getattr(module, function, None)
    is_coroutine = inspect.iscoroutinefunction(bot)
    if not is_coroutine and not _is_program(bot):
        raise ConfigurationError(f"{name}: {_not_a_bot(function, bot, module, place)}")
    if arguments or not is_coroutine:
        bot = _as_program(bot, partial(_arguments, place, arguments))
    found: Bot = bot
    _check_parameters(name, found)
    return found


def _check_parameters(name: str, bot: Bot) -> None:
    """One parameter may have any name, for it is the exchange; several need the known names."""
    needed = required(bot)
    unknown = [one for one in needed if one not in GIVEN]
    if len(needed) > 1 and unknown:
        raise ConfigurationError(
            f"{name} has a parameter {unknown[-1]!r}; a bot may take {', '.join(GIVEN)}"
        )


def _is_program(bot: Any) -> bool:
    """Whether it is a plain function without required parameters, as a program's `main` is."""
    return inspect.isfunction(bot) and not required(bot)


def _not_a_bot(function: str, bot: Any, module: Any, place: str) -> str:
    if bot is None:
        what = f"there is no such function{did_you_mean(function, vars(module))}"
        return f"{what}; expected async def {function}(exchange)"
    return (
        f"this is not a coroutine function; expected async def {function}(exchange), or def "
        f"{function}() without parameters, which makes its own clients and may block. For the real "
        f"clock: failing-exchange serve binance -- python {place}"
    )


def _unknown(name: str) -> str:
    if name.endswith(":"):
        path = name.rstrip(":")
        return f"{name} names no function; name one, as {path}:main, or a test, as {path}::test"
    near = did_you_mean(name, BOTS) or ":"
    return (
        f"no bot {name!r}{near} name naive or careful, a function as path.py:function, a script "
        "as path.py, or a module as -m module"
    )


# ---- modules

_loaded: dict[str, list[str]] = {}  # by place: the user's modules that loading it has imported
_compiled: dict[str, tuple[bytes, CodeType]] = {}


def load_module(place: str) -> Any:
    """Execute a user's module anew, together with the modules of the user's that it imports.

    `place`: a path that ends in .py, or a module's name. A file's folder stays in `sys.path`, as
    it does for a script: a bot may import from there while it runs.

    Raises:
        ConfigurationError: it can't be imported, or it connects to another machine while it is
            imported, which would be the real exchange.
    """
    is_file = place.endswith(".py")
    if is_file and not Path(place).is_file():
        raise ConfigurationError(f"no file {place!r}")
    for name in _loaded.pop(place, ()):
        sys.modules.pop(name, None)
    from failing_exchange.threads.installed import lasting_locks

    before = dict.fromkeys(sys.modules)
    try:
        with barred(), lasting_locks():
            module = _from_file(place) if is_file else _from_path(place)
    except (Exception, SystemExit) as error:
        what = f"{place} can't be loaded" if is_file else f"cannot import {place!r}"
        line = error_line(error)
        raise ConfigurationError(f"{what}: {line}{way_out(line)}") from error
    top = "" if is_file else place.partition(".")[0]
    folder = os.path.dirname(os.path.realpath(place)) if is_file else _folder_of(module)
    _loaded[place] = [
        name
        for name in sys.modules
        if name not in before and (name.partition(".")[0] == top or _lies_in(folder, name))
    ]
    return module


def _from_path(name: str) -> Any:
    """Import a module; the working directory comes first."""
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove("")


def _from_file(place: str) -> Any:
    """Import a file as Python runs a script: its folder is searched first."""
    path = Path(place)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(f"bot_{path.stem}", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    exec(_code_of(path), vars(module))
    return module


def _code_of(path: Path) -> CodeType:
    """The code of a file, compiled once for many runs."""
    source = path.read_bytes()
    known = _compiled.get(str(path))
    if known is None or known[0] != source:
        if len(_compiled) >= COMPILED_KEPT_MAX:
            _compiled.clear()
        code = compile(source, str(path), "exec", dont_inherit=True)
        known = _compiled[str(path)] = (source, code)
    return known[1]


def _folder_of(module: Any) -> str:
    """The folder that holds the outermost package of a module; empty if it has no file."""
    if not getattr(module, "__file__", None):
        return ""
    file, depth = Path(module.__file__).resolve(), module.__name__.count(".")
    return str(file.parents[depth + (file.name == "__init__.py")])


def _lies_in(folder: str, name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None) or ""
    installed = "site-packages" in file or name.partition(".")[0] == PACKAGE
    return bool(folder) and file.startswith(folder + os.sep) and not installed


def search_path() -> str:
    """The PYTHONPATH that lets a child process find the modules that this process finds."""
    return os.pathsep.join(str(Path(entry or ".").resolve()) for entry in sys.path)


# ---- parameters


def parameters(bot: Bot) -> list[str]:
    """The names of a bot's parameters."""
    return list(_signature(bot).parameters)


def _signature(bot: Bot) -> inspect.Signature:
    return _newest_signature(bot) if inspect.isfunction(bot) else inspect.signature(bot)


@lru_cache(maxsize=1)  # of the bot that is to run: it is asked for nine times
def _newest_signature(bot: Bot) -> inspect.Signature:
    return inspect.signature(bot)


def required(bot: Bot) -> list[str]:
    """The names of the parameters without a default."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, one in _signature(bot).parameters.items()
        if one.default is one.empty and one.kind not in variable
    ]


def makes_own_clients(bot: Bot) -> bool:
    """Whether a bot takes no client of ours: it reaches the venue by its production host names."""
    return not required(bot) and not any(name in GIVEN for name in parameters(bot))


def symbols_of(bot: Bot) -> tuple[str, ...]:
    """The markets that a bot says it trades: `main.symbols = ("BTC/USDT:USDT",)`; else empty.

    Raises:
        ConfigurationError: it is not a list of strings.
    """
    found = getattr(bot, "symbols", ())
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
        raise ConfigurationError(
            f"{getattr(bot, '__name__', 'the bot')}.symbols is {found!r}; expected a list of "
            'symbols, like ("BTC/USDT:USDT",)'
        )
    return tuple(found)


# ---- programs


def _whole_program(program: programs.ProgramSpec) -> Bot:
    """Make a bot of a script or a module, which runs as `__main__`."""
    from failing_exchange.threads.installed import lasting_locks

    with barred(), lasting_locks():
        loaded = programs.LoadedProgram(program)

    def main() -> None:
        loaded.run()

    main.is_whole = True  # type: ignore[attr-defined]
    return _as_program(main, loaded.arguments)


def is_whole_program(bot: Bot) -> bool:
    """Whether a bot is a script or a module, which needs a process of its own for each run."""
    return getattr(inspect.unwrap(bot), "is_whole", False)


def _as_program(
    function: Callable[..., Any], arguments: Callable[[], AbstractContextManager[None]]
) -> Bot:
    """Make a bot of a program's entry point: it sees its own `sys.argv`.

    A plain function runs in a simulated thread, in which it may block and call `asyncio.run`.
    """

    @functools.wraps(function)
    async def bot(*args: Any, **kwargs: Any) -> Any:
        with arguments():
            if inspect.iscoroutinefunction(function):
                return await function(*args, **kwargs)
            from failing_exchange.threads.blocking import run_blocking

            return await run_blocking(function, quiet=True)

    return bot


def blocks(bot: Bot) -> bool:
    """Whether a bot is a plain function, which may block and have threads."""
    return not inspect.iscoroutinefunction(inspect.unwrap(bot))


@contextmanager
def _arguments(place: str, arguments: Sequence[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = [place, *arguments]
    try:
        yield
    finally:
        sys.argv = before
