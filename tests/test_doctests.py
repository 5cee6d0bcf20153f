"""Every example in a docstring runs, and says what it is said to."""

from __future__ import annotations

import doctest
import importlib

import pytest

from tests.sources import PACKAGE, modules

EXAMPLES = {name: path for name, path in modules().items() if ">>> " in path.read_text("utf-8")}


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_in_a_docstring_runs(name: str) -> None:
    """A reader pastes it; one that has gone stale costs more than none."""
    module = importlib.import_module(PACKAGE if name == "__init__" else f"{PACKAGE}.{name}")
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted, "its examples are not in docstrings: move them there"
    assert not found.failed, "see the captured output"


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_example_is_a_comment(name: str) -> None:
    """`>>> # call()` runs nothing, and looks as if it had been tried."""
    lines = EXAMPLES[name].read_text("utf-8").splitlines()
    assert [line.strip() for line in lines if ">>> #" in line] == []
