"""What asyncio keeps to itself is used in one module, which a new Python is checked against."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.sources import check, modules, place, tree

THE_ONE = "virtual.asyncio_private"
# Attributes of tasks that asyncio does not document; those of handles and loops are inherited.
OF_TASKS = ("_log_destroy_pending", "_must_cancel")


def root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_private_names_of_asyncio_stand_in_one_module() -> None:
    """Each of them may be gone in the next Python."""

    def complaints() -> Iterator[str]:
        for name, path in modules().items():
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                    private = root(node) == "asyncio" and not node.attr.startswith("__")
                    if (private or node.attr in OF_TASKS) and name != THE_ONE:
                        yield f"{place(path, node.lineno)}: take {node.attr} from {THE_ONE}"

    check(complaints())
