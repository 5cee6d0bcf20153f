"""A folder of known failures: files that a person may read, and edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.corpus import Corpus, read
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.world import World


def token(seed: int) -> Token:
    return Token(target="careful", world=World(seed=seed, seconds=60.0))


def test_comments_and_empty_lines_around_a_token_are_ignored() -> None:
    """Whoever keeps a file writes beside it why."""
    assert read(f"# bought twice\n\n  \n{token(1)}\n# since May\n") == token(1)


@pytest.mark.parametrize(("text", "count"), [("# nothing\n", 0), (f"{token(1)}\n{token(2)}", 2)])
def test_a_file_has_one_token(text: str, count: int) -> None:
    """The second would never be tried, and nobody would know."""
    with pytest.raises(ConfigurationError, match=f"expected one token, found {count} lines"):
        read(text)


def test_tokens_are_tried_in_the_order_of_their_names(tmp_path: Path) -> None:
    """On every machine the same; other files are left alone."""
    for name, seed in (("b.token", 2), ("a.token", 1), ("c.token", 3)):
        (tmp_path / name).write_text(str(token(seed)))
    (tmp_path / "README.md").write_text("tokens of May")
    assert list(Corpus(tmp_path).tokens()) == [token(1), token(2), token(3)]
    assert list(Corpus(None).tokens()) == list(Corpus(tmp_path / "none").tokens()) == []


def test_a_file_that_holds_none_is_named(tmp_path: Path) -> None:
    """One of a hundred is damaged: which?"""
    (tmp_path / "x.token").write_text("fx1.nonsense")
    with pytest.raises(ConfigurationError, match=r"x\.token: .*can't be read"):
        list(Corpus(tmp_path).tokens())
