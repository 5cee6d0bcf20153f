"""A fault that is armed in a world, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Arm(NamedTuple):
    """A fault that is armed: kind, trigger as text, operations, fields."""

    kind: str
    when: str
    operations: tuple[str, ...] = ()
    fields: Mapping[str, Any] = {}
