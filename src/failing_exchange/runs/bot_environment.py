"""What a bot finds around its process: environment variables, and files in its working directory.

Each run works in a fresh copy of a folder. A restart of the bot within the run keeps what it wrote
there, and no other run sees it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.files import check_folder, reason

FILES_MAX = 10_000  # in a folder that is copied for each run; more are refused
BYTES_MAX = 200_000_000  # of all of them; more are refused
NOTHING: Mapping[str, str] = {}


class BotEnvironment(NamedTuple):
    """Environment variables, and the folder of which each run gets a copy; empty: none.

    `keep`: a folder into which the copy goes at the end of the run; empty: it is deleted.

    >>> with BotEnvironment({"PAIR": "BTCUSDT"}).entered():
    ...     os.environ["PAIR"]
    'BTCUSDT'
    """

    variables: Mapping[str, str] = NOTHING
    files: str = ""
    keep: str = ""

    def check(self) -> None:
        """Raise ConfigurationError, before anything runs, for what can't be set or copied."""
        for name in self.variables:
            if not name or "=" in name or "\0" in name + self.variables[name]:
                raise ConfigurationError(f"--env {name!r}: that is not the name of a variable")
        if self.keep and not self.files:
            raise ConfigurationError(f"--keep-files {self.keep}: it goes with --files")
        if not self.files:
            return
        count = size = 0
        for path in _files_in(self.files):
            count, size = count + 1, size + path.stat().st_size
            if count > FILES_MAX or size > BYTES_MAX:
                raise ConfigurationError(
                    f"--files {self.files}: each run copies it, so it may hold {FILES_MAX:,} files "
                    f"of {BYTES_MAX / 1e6:g} MB in all; name a smaller folder"
                )
        if self.keep:
            check_folder("--keep-files", Path(self.keep))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Set the variables and work in a copy of the folder; undo both at the end."""
        with ExitStack() as undo:
            undo.callback(_restore, {name: os.environ.get(name) for name in self.variables})
            os.environ.update(self.variables)
            if self.files:
                keep = os.path.abspath(self.keep) if self.keep else ""
                around = undo.enter_context(tempfile.TemporaryDirectory(prefix="failing-exchange-"))
                copy = os.path.join(around, os.path.basename(os.path.realpath(self.files)))
                _copy(f"--files {self.files}", self.files, copy)
                if keep:
                    undo.callback(_copy, f"--keep-files {self.keep}", copy, keep)
                undo.enter_context(chdir(copy))
            yield

    def digest(self) -> str:
        """A digest of the folder's files, by which a token knows them again; empty: no folder."""
        if not self.files or not Path(self.files).is_dir():
            return ""
        found = sha256()
        for path in sorted(_files_in(self.files)):
            found.update(f"{path.relative_to(self.files)}\0".encode())
            found.update(sha256(path.read_bytes()).digest())
        return found.hexdigest()[:12]


def _files_in(folder: str) -> Iterator[Path]:
    if not Path(folder).is_dir():
        raise ConfigurationError(f"--files {folder}: there is no such folder")
    try:
        yield from (path for path in Path(folder).rglob("*") if path.is_file())
    except OSError as error:
        raise ConfigurationError(f"--files {folder}: {reason(error)}") from error


def _copy(option: str, source: str, target: str) -> None:
    """Copy a folder; raises ConfigurationError with the reason of the first file that fails."""
    try:
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    except shutil.Error as error:  # (source, target, reason) of each file
        why = error.args[0][0][2]
        raise ConfigurationError(f"{option}: the folder can't be copied: {why}") from error
    except OSError as error:
        raise ConfigurationError(f"{option}: {reason(error)}") from error


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
