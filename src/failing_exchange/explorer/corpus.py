"""A folder of tokens of known failures, which each exploration tries first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.findings import Finding
from failing_exchange.explorer.token import Token
from failing_exchange.text.files import check_folder, read_text, write_file

SUFFIX = ".token"
FILES_MAX = 10_000  # of a corpus; more are refused: they would never be tried in time


class Corpus:
    """Tokens as files, one each: a sentence as a comment, then the token. None: there is none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None and folder.exists() and not folder.is_dir():
            raise ConfigurationError(f"--corpus {folder}: that is a file; name a folder")

    def tokens(self) -> Iterator[Token]:
        """All that are there, in the order of their names."""
        if self.folder is None or not self.folder.is_dir():
            return
        paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        if len(paths) > FILES_MAX:
            raise ConfigurationError(
                f"{self.folder} holds {len(paths):,} tokens, at most {FILES_MAX:,} are tried"
            )
        for path in paths:
            text = read_text("token", path)
            try:
                yield read(text)
            except ConfigurationError as error:
                raise ConfigurationError(f"{path}: {error}") from error

    def keep(self, finding: Finding) -> None:
        """Write a finding down; the same one has the same name each time."""
        if self.folder is None or finding.token is None:
            return
        cause = _full_cause(finding)
        text = f"# {cause}\n# {finding.sentence}\n{finding.token}\n"
        check_folder("--corpus", self.folder)
        write_file(self.folder / f"{file_stem(finding)}{SUFFIX}", text)


def file_stem(finding: Finding) -> str:
    """The name of a finding's file or folder; the same one has the same name each time."""
    rule = re.sub(r"[^\w.-]", "_", finding.cause.rule)  # a user's may have any characters
    return f"{rule}-{sha256(_full_cause(finding).encode()).hexdigest()[:8]}"


def _full_cause(finding: Finding) -> str:
    return f"{finding.cause} · {finding.cause.place}"


def read(text: str) -> Token:
    """The token of a file: its one line that is not a comment."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1:
        raise ConfigurationError(f"expected one token, found {len(lines)} lines")
    return Token.parse(lines[0])
