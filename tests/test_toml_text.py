"""TOML text of others: read in a moment, or refused."""

from __future__ import annotations

import tomllib
from time import process_time

import pytest

from failing_exchange.errors import ConfigurationError
from failing_exchange.scenarios.scenario import load, read, shipped
from failing_exchange.text.toml_text import NESTING_MAX, TOML_LETTERS_MAX, parse_toml

SECONDS_MAX = 5.0  # of processor time for the costliest text; 0.6 s on an idle machine


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a." * 49_000 + "b = 1", "nested"),
        ("a . " * 20_000 + "b = 1", "nested"),
        ('"a".' * 20_000 + "b = 1", "nested"),
        ("[" + "a." * 49_000 + "b]", "nested"),
        ("a = " + "[" * 50_000, "nested"),
        ("a = " + "{a = " * 19_000, "nested"),
        ("a" * 99_000 + " = 1", "is not a key"),
        ("'''" * 33_000, "Expected"),
        ('a = """' + '\\"""' * 24_000, "Unterminated"),
        ("a = " + "9" * 90_000, "digits"),
        ("seed = " + "9" * 4_000, "whole number"),
        ("a = 1" + "#" * TOML_LETTERS_MAX, "too long"),
    ],
)  # fmt: skip
def test_a_text_that_would_cost_minutes_is_refused_at_once(text: str, word: str) -> None:
    """100 KB of dotted keys took 70 s and 9.6 GiB."""
    began = process_time()
    with pytest.raises(ConfigurationError, match=word):
        read(text)
    assert process_time() - began < SECONDS_MAX


def test_dots_and_brackets_in_strings_and_comments_are_text() -> None:
    """Only what nests counts."""
    deep = "a." * 30 + "[" * 30
    text = f'one = "{deep}"\ntwo = \'{deep}\'\nthree = """\n{deep}"""\n# {deep}\nfour = [[1.5]]\n'
    assert parse_toml(text) == tomllib.loads(text)
    key = ".".join("a" * NESTING_MAX)
    assert parse_toml(f"{key} = 1") == tomllib.loads(f"{key} = 1")
    with pytest.raises(ValueError, match="nested"):
        parse_toml(f"{key}.a = 1")


def test_every_shipped_scenario_is_within_the_bounds() -> None:
    """The bounds leave room for what people write."""
    assert all(load(name).description for name in shipped())
