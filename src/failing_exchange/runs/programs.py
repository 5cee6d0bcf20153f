"""Whole programs as bots: a script or a module, run as Python runs it from the command line.

Libraries that a program imports are imported when it is loaded, once for many runs. Its own modules
are executed anew by each run, as in a new process.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.tracebacks import claim, error_line, is_theirs

SCRIPT = re.compile(r"(?P<place>(?:(?!\.py:).)+?\.py)(?:\s+(?P<arguments>.+))?", re.DOTALL)
MODULE = re.compile(r"-m\s+(?P<place>[A-Za-z_][\w.]*)(?:\s+(?P<arguments>.+))?", re.DOTALL)
FILES_READ_MAX = 2_000  # of a program, for what they import; others are imported as it runs
PACKAGE = "failing_exchange"


class ProgramSpec(NamedTuple):
    """A script by its path, or a module by its name, and the arguments behind it."""

    place: str
    is_module: bool
    arguments: tuple[str, ...] = ()

    @property
    def top(self) -> str:
        """The outermost package of a module; empty for a script."""
        return self.place.partition(".")[0] if self.is_module else ""


def read(text: str) -> ProgramSpec | None:
    """The program that a name means; None for the name of a function or a bot that ships.

    Raises ConfigurationError for arguments that can't be split as a shell splits them.

    >>> read("my bots/bot.py --config 'my file.toml'")
    ProgramSpec(place='my bots/bot.py', is_module=False, arguments=('--config', 'my file.toml'))
    >>> read("-m package.cli trade")
    ProgramSpec(place='package.cli', is_module=True, arguments=('trade',))
    >>> read("bot.py:main") is None
    True
    """
    found = MODULE.fullmatch(text) or SCRIPT.fullmatch(text)
    if found is None:
        return None
    arguments = split_arguments(text, found["arguments"] or "")
    return ProgramSpec(found["place"], text.startswith("-m"), arguments)


def split_arguments(name: str, arguments: str) -> tuple[str, ...]:
    """Split the arguments in the name of a bot as a shell does; raises ConfigurationError."""
    try:
        return tuple(shlex.split(arguments))
    except ValueError as error:
        raise ConfigurationError(f"the arguments of {name!r} can't be read: {error}") from error


class LoadedProgram:
    """A program that can be run again and again; loading it imports its libraries.

    Its threads may outlive `run`, so `arguments` is entered around all of them.

    Raises ConfigurationError for a file or module that is not there, or can't be compiled.
    """

    def __init__(self, program: ProgramSpec) -> None:
        self.program = program
        self.file = _file_of(program)
        self._root = _root_of(program, self.file)
        _compiled(self.file)
        if "site-packages" in str(self.file):
            claim(str(self._root / program.top))
        for name in _libraries(self):
            _import_library(name)

    @contextmanager
    def arguments(self) -> Iterator[None]:
        """Let the program find its name and arguments in `sys.argv`."""
        before = sys.argv
        name = self.program.place if not self.program.is_module else str(self.file)
        sys.argv = [name, *self.program.arguments]
        try:
            yield
        finally:
            sys.argv = before

    def run(self) -> None:
        """Run it to its end; leaving with exit code 0 is one.

        Raises SystemExit for another exit code, and whatever the program raises.
        """
        for name in [one for one in sys.modules if self.owns(one)]:
            del sys.modules[name]
        path = [str(self._root if self.program.is_module else self.file.parent), *sys.path]
        sys.path[:] = dict.fromkeys(path)
        try:
            if self.program.is_module:
                runpy.run_module(self.program.place, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(str(self.file), run_name="__main__")
        except SystemExit as left:
            if left.code not in (None, 0):
                raise

    def owns(self, name: str) -> bool:
        """Whether a module that is imported is the program's own, or of one with such a name."""
        top = name.partition(".")[0]
        if self.program.is_module and top == self.program.top:
            return True
        file = getattr(sys.modules[name], "__file__", None)
        if not file or top == PACKAGE or not is_theirs(file):
            return False
        return file.startswith(str(self._root) + os.sep) or self.file_of(top) is not None

    def file_of(self, name: str) -> Path | None:
        """The file of a module of the program's own; None for a library's."""
        if self.program.is_module and name.partition(".")[0] != self.program.top:
            return None
        stem = self._root.joinpath(*name.split("."))
        found = [stem.with_suffix(".py"), stem / "__init__.py"]
        return next((path for path in found if path.is_file()), None)

    def name_of(self, file: Path) -> str:
        """The dotted name of a file of the program's own."""
        parts = file.with_suffix("").relative_to(self._root).parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _file_of(program: ProgramSpec) -> Path:
    if not program.is_module:
        if not Path(program.place).is_file():
            raise ConfigurationError(f"no script {program.place!r}")
        return Path(program.place).resolve()
    spec = _spec_of(program.place)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _spec_of(f"{program.place}.__main__")
        if spec is None:
            raise ConfigurationError(
                f"-m {program.place}: the package has no module __main__; name a module in it"
            )
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise ConfigurationError(
            f"-m {program.place}: no such module; it is looked for in the working directory and "
            "among the installed packages"
        )
    return Path(spec.origin).resolve()


def _spec_of(name: str) -> ModuleSpec | None:
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):  # its package is missing, or is a module
        return None
    finally:
        sys.path.remove(os.getcwd())


def _root_of(program: ProgramSpec, file: Path) -> Path:
    """The folder in which Python finds the program's own modules."""
    if not program.is_module:
        return file.parent
    name = f"{program.place}.__main__" if file.stem == "__main__" else program.place
    depth = name.removesuffix(".__main__.__main__").count(".")
    return file.parents[depth]


def _compiled(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(f"{file.name} can't be loaded: {error_line(error)}") from error


# ---- libraries: what a program imports at the top of its files


def _libraries(loaded: LoadedProgram) -> list[str]:
    """The modules of libraries that the program's files import, in the order of their lines."""
    found: dict[str, None] = {}
    known = {loaded.file: None}
    waiting = [loaded.file]
    while waiting and len(known) <= FILES_READ_MAX:
        file = waiting.pop(0)
        with suppress(ConfigurationError):  # a file with an error: told when it is imported
            for name in _imported(_compiled(file), file, loaded):
                own = loaded.file_of(name)
                if own is None and name.partition(".")[0] != PACKAGE:
                    found[name] = None
                elif own is not None and own not in known:
                    known[own] = None
                    waiting.append(own)
    return list(found)


def _imported(tree: ast.Module, file: Path, loaded: LoadedProgram) -> Iterator[str]:
    """The modules that a file imports outside of functions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base_of(node, file, loaded)
            if base:
                yield base
                yield from (
                    name for alias in node.names if loaded.file_of(name := f"{base}.{alias.name}")
                )
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting[:0] = ast.iter_child_nodes(node)


def _base_of(node: ast.ImportFrom, file: Path, loaded: LoadedProgram) -> str:
    """The module from which a line imports; empty where a relative one leads outside."""
    if not node.level:
        return node.module or ""
    name = loaded.name_of(file)
    around = name.split(".")[: None if file.name == "__init__.py" else -1]
    kept = around[: len(around) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


def _import_library(name: str) -> None:
    """Import a library; if that fails, the program fails by itself where it imports it."""
    with suppress(Exception, SystemExit):
        importlib.import_module(name)
