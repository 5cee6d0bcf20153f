"""Thousands of seeded worlds for a bot, and the smallest one that breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failing_exchange.explorer.replay_token import replay
    from failing_exchange.explorer.search import explore
    from failing_exchange.explorer.token import Token

_HOMES = {"explore": "search", "replay": "replay_token", "Token": "token"}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Token", "explore", "replay"]
