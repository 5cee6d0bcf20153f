"""The rules of conduct that ship, in the order in which reports name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from failing_exchange.conduct.belief import BooksFees, Converges, Monotone
from failing_exchange.conduct.cover import Covered
from failing_exchange.conduct.life import Alive
from failing_exchange.conduct.market_rules import Fresh, ObeysFilters, SellsFree
from failing_exchange.conduct.orders import Once, Resolves
from failing_exchange.conduct.patience import BacksOff, KeepsTime, NoHotLoop, Stops
from failing_exchange.conduct.rule import Rule
from failing_exchange.conduct.streams import Resyncs
from failing_exchange.errors import ConfigurationError

RULES: dict[str, type[Rule]] = {
    rule.name: rule
    for rule in (
        Once, Converges, Alive, BacksOff, NoHotLoop, Resolves, Monotone, Fresh, Resyncs,
        ObeysFilters, KeepsTime, Covered, SellsFree, BooksFees, Stops,
    )
}  # fmt: skip


def make(wanted: Iterable[str | Rule] | None = None, options: Mapping[str, Any] = {}) -> list[Rule]:
    """Rules by name, or your own; None = all that ship. `options` are parameters by rule name.

    Raises ConfigurationError for an unknown rule or parameter, with what there is.
    """
    found = []
    for one in RULES if wanted is None else wanted:
        if isinstance(one, Rule):
            found.append(one)
            continue
        if one not in RULES:
            raise ConfigurationError(f"no rule {one!r}; there are {', '.join(RULES)}")
        given = dict(options.get(one, {}))
        try:
            found.append(RULES[one](**given))
        except TypeError:
            known = ", ".join(RULES[one]().parameters()) or "none"
            raise ConfigurationError(
                f"rule {one}: {given!r} are not its parameters; it has: {known}"
            ) from None
    unknown = [name for name in options if name not in RULES]
    if unknown:
        raise ConfigurationError(f"no rule {unknown[0]!r}; there are {', '.join(RULES)}")
    return found


def describe() -> str:
    """The rules as text, a line each."""
    width = max(map(len, RULES))
    return "\n".join(
        f"{name:<{width}}  {rule.invariant:<4} {rule.severity:<8} {rule.sentence}"
        for name, rule in RULES.items()
    )
