"""The rules of conduct that ship, in the order in which reports name them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from inspect import signature
from typing import Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.serialize import plain
from failing_exchange.judge.rule import Rule, Severity
from failing_exchange.judge.rules.back_off import BacksOff, KeepsTime, NoHotLoop, Stops
from failing_exchange.judge.rules.beliefs import BooksFees, Converges, Monotone
from failing_exchange.judge.rules.contract_trading import KeepsReserve, Modes, OneExit
from failing_exchange.judge.rules.duplicates import Once, Resolves
from failing_exchange.judge.rules.equity import Equity
from failing_exchange.judge.rules.forced_changes import BooksForced, FundingOnce
from failing_exchange.judge.rules.liveness import Alive
from failing_exchange.judge.rules.order_inputs import Fresh, ObeysFilters, SellsFree
from failing_exchange.judge.rules.protective_stops import Covered, Protected
from failing_exchange.judge.rules.resync import Resyncs
from failing_exchange.text.number_checks import is_number

RULES: dict[str, type[Rule]] = {
    rule.name: rule
    for rule in (
        Once, Converges, Alive, BacksOff, NoHotLoop, Resolves, Monotone, Fresh, Resyncs,
        ObeysFilters, KeepsTime, Covered, SellsFree, BooksFees, Stops, Protected, Modes, OneExit,
        BooksForced, FundingOnce, KeepsReserve, Equity,
    )
}  # fmt: skip


def make(
    wanted: Iterable[str | Rule | type[Rule]] | None = None, options: Mapping[str, Any] = {}
) -> list[Rule]:
    """Rules by name, or your own (a class, or an object); None = all that ship.

    `options` are parameters by rule name; None in their place leaves a shipped rule out. Raises
    ConfigurationError for an unknown rule or parameter, with what there is, and for a rule of
    yours that lacks something.

    >>> [rule.name for rule in make(["once", "fresh"], {"once": None, "fresh": {"age_s": 5.0}})]
    ['fresh']
    """
    chosen = RULES if wanted is None else wanted
    found = [_made(one, options) for one in chosen if not _is_left_out(one, options)]
    names = [rule.name for rule in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two rules are named {name!r}; give one another `name`")
    unknown = [name for name in options if name not in RULES and name not in names]
    if unknown:
        known = dict.fromkeys((*RULES, *names))
        raise ConfigurationError(f"no rule {unknown[0]!r}; there are {', '.join(known)}")
    return found


def _is_left_out(one: object, options: Mapping[str, Any]) -> bool:
    return isinstance(one, str) and options.get(one, {}) is None


def _made(one: object, options: Mapping[str, Any]) -> Rule:
    if isinstance(one, Rule):
        return _checked(one)
    if isinstance(one, type) and issubclass(one, Rule):
        _check_class(one)
        return _checked(_called(one, one.name, options))
    if not isinstance(one, str):
        raise ConfigurationError(
            f"rules: {one!r} is not a rule; expected a name, a subclass of Rule or an instance"
        )
    if one not in RULES:
        raise ConfigurationError(f"no rule {one!r}; there are {', '.join(RULES)}")
    return _called(RULES[one], one, options)


def _called(kind: type[Rule], name: str, options: Mapping[str, Any]) -> Rule:
    given = dict(options.get(name, {}))
    if not given:
        return kind()
    known = [p for p in signature(kind).parameters if p not in ("args", "kwargs")]
    wrong = [option for option in given if option not in known]
    if wrong:
        raise ConfigurationError(
            f"rule {name}: {given!r} are not its parameters; it has: {', '.join(known) or 'none'}"
        )
    for option, value in given.items():
        _check_value(name, option, value, signature(kind).parameters[option].default)
    return kind(**given)


def _check_value(name: str, option: str, value: object, usual: object) -> None:
    """Raise ConfigurationError for a value of another kind than a parameter's default."""
    is_switch = isinstance(usual, bool)
    if is_switch and not isinstance(value, bool):
        expected = "true or false"
    elif not is_switch and isinstance(usual, (int, float)) and not is_number(value):
        expected = f"a number, like {usual!r}"
    elif isinstance(usual, str) and not isinstance(value, str):
        expected = f"a string, like {usual!r}"
    else:
        return
    raise ConfigurationError(f"rule {name}: {option} is {value!r}; expected {expected}")


def _check_class(kind: type[Rule]) -> None:
    """Raise ConfigurationError for a user's rule that lacks what every rule has."""
    for attribute in ("name", "sentence"):
        value = getattr(kind, attribute, None)
        if not isinstance(value, str) or not value:
            raise ConfigurationError(
                f"rule {kind.__name__}: `{attribute}` is {value!r}; expected a string"
            )
    if not isinstance(kind.severity, Severity):
        raise ConfigurationError(
            f"rule {kind.name}: `severity` is {kind.severity!r}; expected one of "
            f"{', '.join(f'Severity.{one.name}' for one in Severity)}"
        )


def _checked(rule: Rule) -> Rule:
    _check_class(type(rule))
    if not hasattr(rule, "breaches"):
        raise ConfigurationError(
            f"rule {rule.name}: its __init__ must call super().__init__() first"
        )
    return rule


def _shown(value: object) -> str:
    """A default as `--set` takes it: a number without its point, null for None."""
    return json.dumps(value).strip('"').removesuffix(".0")


def summaries() -> list[dict[str, Any]]:
    """The rules for programs: name, invariant, severity, sentence, usual parameters."""
    return [
        {
            "name": name, "invariant": rule.invariant, "severity": str(rule.severity),
            "says": rule.sentence,
            "parameters": {p.name: plain(p.default) for p in signature(rule).parameters.values()},
        }
        for name, rule in RULES.items()
    ]  # fmt: skip


def describe() -> str:
    """The rules as text, a line each, and one more for the parameters of a rule."""
    width = max(map(len, RULES))
    lines = []
    for name, rule in RULES.items():
        lines.append(f"{name:<{width}}  {rule.invariant:<4} {rule.severity:<8} {rule.sentence}")
        usual = {p.name: p.default for p in signature(rule).parameters.values()}
        if usual:
            shown = ", ".join(f"{name}.{option}={_shown(value)}" for option, value in usual.items())
            lines.append(f"{'':<{width}}       --set {shown}")
    return "\n".join(lines)
