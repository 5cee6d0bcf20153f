"""What `from failing_exchange import …` offers, to programs and to type checkers."""

from __future__ import annotations

import ast

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
