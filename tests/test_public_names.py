"""What `from failing_exchange import …` offers, to programs and to type checkers."""

from __future__ import annotations

import ast
import importlib
import inspect

import pytest

import failing_exchange
from tests.sources import modules, tree


def test_type_checkers_see_the_same_names() -> None:
    """A name that only one of the two lists has is an error in an editor, or at run time."""
    block = next(node for node in tree(modules()["__init__"]).body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {a.name: node.module for node in imports for a in node.names}
    lazy = failing_exchange._HOMES.items()
    assert homes == {name: f"failing_exchange.{home}" for name, home in lazy}


def test_each_public_name_is_there() -> None:
    """`from failing_exchange import *` loads them all."""
    for name in failing_exchange.__all__:
        assert callable(getattr(failing_exchange, name)), name
    assert len(failing_exchange.__all__) == len(set(failing_exchange.__all__))


# Modules that users import from; each says in `__all__` what is public.
PUBLIC = (
    "background",
    "explorer",
    "faults.triggers",
    "resilience",
    "testing.hypothesis_strategies",
)
NAMES = [
    *((failing_exchange.__name__, name) for name in failing_exchange.__all__),
    *(
        (f"failing_exchange.{module}", name)
        for module in PUBLIC
        for name in importlib.import_module(f"failing_exchange.{module}").__all__
    ),
]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_each_public_name_has_an_example_that_runs(module: str, name: str) -> None:
    """A reader tries it before reading on; tests/test_doctests.py runs them all."""
    found = getattr(importlib.import_module(module), name)
    if not inspect.isclass(found) and not inspect.isfunction(found):
        return  # a table or a constant: its comment says what it holds
    text = vars(found).get("__doc__") or "" if inspect.isclass(found) else found.__doc__ or ""
    assert ">>> " in text, f"{name} has no example"
    assert "+SKIP" not in text, f"the example of {name} does not run"
    assert len(text.partition(">>> ")[0].split()) > 4, f"{name}: say what it means"
