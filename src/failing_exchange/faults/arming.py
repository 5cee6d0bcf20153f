"""Checks of the arguments with which a fault is armed; errors show the value and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import made_of, make
from failing_exchange.faults.operations import check
from failing_exchange.faults.plan import Fault, Trigger
from failing_exchange.faults.triggers import always, check_trigger, parse
from failing_exchange.text.spelling import did_you_mean, shown

SIDES = ("buy", "sell")
NAME_LETTERS_MAX = 200  # of a rule, a client or an order; a longer one is refused
NAMES_MAX = 1_000  # of each kind that a rule is limited to; more are refused


def fault_of(given: object, values: Mapping[str, Any]) -> Fault:
    """A fault by its name in the catalogue or its class, with values for its fields, or an object.

    Raises ConfigurationError for anything else, and for fields that it does not have.
    """
    if isinstance(given, str):
        return make(given, **values)
    if not (hasattr(given, "strike") and hasattr(given, "stages")):
        raise ConfigurationError(
            'a fault is given by its name in the catalogue, like "lose_answer", or as a class or '
            f"an object with `stages` and `strike`, not {given!r}"
        )
    if isinstance(given, type):
        return made_of(given, values)
    if values:
        raise ConfigurationError(
            f"{', '.join(values)} of {given!r} can't be set here: it is made already; "
            "give the fault's name or class with its fields, or the fault alone"
        )
    return cast("Fault", given)


def check_asset(fault: Fault, known: Iterable[str]) -> None:
    """Raise ConfigurationError for a fault of an unknown asset: it would do nothing."""
    asset, assets = getattr(fault, "asset", ""), list(dict.fromkeys(known))
    if asset and asset not in assets:
        near = did_you_mean(asset, assets) if isinstance(asset, str) else ""
        raise ConfigurationError(
            f"no asset {shown(asset)}{near} (there are {', '.join(assets)}); "
            "leave asset out for what buyers pay with in the request's market"
        )


def trigger_of(when: Trigger | str | None) -> Trigger:
    """When to strike: a trigger, its text as in scenario files, or None for always."""
    if when is None:
        return always
    if isinstance(when, str):
        return parse(when)
    check_trigger(when, "when")
    return when


def check_strikes(trigger: Trigger, operations: Iterable[str], armed: Iterable[str]) -> None:
    """Raise ConfigurationError for a trigger that no request of these operations can meet.

    A trigger that looks at other rules, by their names, needs them to be armed before.
    """
    possible: frozenset[str] | None = getattr(trigger, "operations", None)
    if possible is not None and possible.isdisjoint(operations):
        raise ConfigurationError(
            f"{trigger} never strikes here: it looks at the order that a request names, and the "
            f"rule is about {', '.join(operations)}; arm it on {' or '.join(sorted(possible))}"
        )
    known = tuple(armed)
    for name in getattr(trigger, "follows", ()):
        if name not in known:
            raise ConfigurationError(
                f"{trigger}: no rule named {shown(name)} is armed"
                f"{did_you_mean(name, known) or '; arm it before'}"
            )


def check_name(name: object) -> None:
    """Raise ConfigurationError for a rule name that is not a short string or None."""
    if name is not None and (not isinstance(name, str) or not 0 < len(name) <= NAME_LETTERS_MAX):
        raise ConfigurationError(
            f"name must be a string of 1 to {NAME_LETTERS_MAX} letters, or None for a made-up one, "
            f"not {shown(name)}"
        )


def scope_of(
    given: Mapping[str, Iterable[str] | str], markets: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """The scope of a rule. What no request can match is refused: the rule would never strike."""
    found = {what: _names(what, value) for what, value in given.items()}
    check(found.get("operations", ()))
    for what, accepted in (("symbols", tuple(markets)), ("sides", SIDES)):
        for name in found.get(what, ()):
            if name not in accepted:
                near = did_you_mean(name, accepted) or f"; there are {', '.join(accepted)}"
                raise ConfigurationError(f"{what}: {shown(name)} matches no request{near}")
    return found


def _names(what: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, Iterable):
        names = tuple(names)
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f"{what} must be a string or a list of strings, not {shown(value)}"
        )
    if len(names) > NAMES_MAX or any(len(name) > NAME_LETTERS_MAX for name in names):
        raise ConfigurationError(
            f"{what} has {len(names)} names, of up to {max(map(len, names))} letters; expected at "
            f"most {NAMES_MAX} of at most {NAME_LETTERS_MAX}"
        )
    return names
