"""Load rules and faults of the user, named as path.py:Name or module:Name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import OWN, OWN_MAX, adopt, is_own
from failing_exchange.judge.catalogue import RULES, make
from failing_exchange.judge.rule import Rule
from failing_exchange.runs.bot_loader import load_module
from failing_exchange.text.files import split_own
from failing_exchange.text.spelling import did_you_mean

RULES_KEPT_MAX = 100  # classes of rules that a process has loaded; one more is refused
_rules: dict[str, type[Rule]] = {}  # by the full path of their file
_faults: dict[str, str] = {}  # the full path of each that is known by its name


class JudgeRules(NamedTuple):
    """The arguments of a judge: `rules` (None = all shipped) and their parameters by name."""

    rules: list[str | type[Rule]] | None
    options: dict[str, Any]


def rules_of(options: Mapping[str, Any]) -> JudgeRules:
    """Find the rules of a judge, given parameters by rule name or path.py:Name, or by both.

    The shipped rules are among them, but for those whose parameters are None. Raises
    ConfigurationError for what can't be loaded, and where no rule is left.

    >>> rules_of({"fresh": {"age_s": 10}})
    JudgeRules(rules=None, options={'fresh': {'age_s': 10}})
    """
    given = dict(options)
    own = {name: load_rule(name) for name in options if is_own(name)}
    for name, rule in own.items():
        given[rule.name] = {**(given.get(rule.name) or {}), **(given.pop(name) or {})}
    wanted = JudgeRules([*RULES, *own.values()] if own else None, given)
    if not make(*wanted):
        raise ConfigurationError("no rule is left to judge by; name one with --rules")
    return wanted


def check_rules(names: Iterable[str]) -> None:
    """Raise ConfigurationError for a name given to `--rule` that is not path.py:Name."""
    for name in names:
        if not is_own(name):
            raise ConfigurationError(
                f"--rule {name}: expected path.py:Name or module:Name; the shipped rules are "
                "judged without it (choose among them with --rules or --ignore)"
            )


def load_rule(name: str) -> type[Rule]:
    """A rule by path.py:Name, loaded once in a process; raises ConfigurationError for no rule."""
    full = _full(name)
    if full not in _rules:
        found = _class(name, "rule")
        if not issubclass(found, Rule):
            raise ConfigurationError(
                f"--rule {name}: {found.__name__} is not a rule; expected a subclass of "
                "failing_exchange.judge.rule.Rule (docs/own_rules.md)"
            )
        _check_room(len(_rules), RULES_KEPT_MAX)
        _rules[full] = found
    return _rules[full]


def load_faults(names: Iterable[str]) -> None:
    """Load faults by path.py:Name; then they can be armed by these names.

    A name that leads to another file than before, because the working directory is another, is
    loaded again. Raises ConfigurationError for a class that is not a fault, or can't be written
    into a plan.
    """
    for name in names:
        if not is_own(name) and not name.endswith(".py"):
            continue
        if name not in OWN or _faults.get(name) != _full(name):
            found = _class(name, "fault")
            _check_fault(name, found)
            _check_room(len(OWN) - (name in OWN), OWN_MAX)
            adopt(name, found)
            _faults[name] = _full(name)


def _check_fault(name: str, found: type[Any]) -> None:
    told = "(docs/own_faults.md)"
    if not (hasattr(found, "strike") and hasattr(found, "stages") and is_dataclass(found)):
        raise ConfigurationError(
            f"--fault {name}: {found.__name__} is not a fault; expected a class with @fault, "
            f"`stages` and `strike` {told}"
        )
    for one in fields(found):
        if "spec" not in one.metadata or one.default is MISSING:
            raise ConfigurationError(
                f"--fault {name}: field {one.name!r} has no default of failing_exchange.faults."
                f'fields, as span(2.0, "how long") {told}'
            )


def _class(name: str, what: str) -> type[Any]:
    """A class by path.py:Name or module:Name."""
    place, attribute = split_own(f"--{what}", name)
    module = load_module(place)
    found = getattr(module, attribute, None)
    if not isinstance(found, type):
        why = "that is not a class"
        if found is None:
            why = f"there is no such class{did_you_mean(attribute, vars(module))}"
        raise ConfigurationError(f"--{what} {name}: {why}")
    return found


def _full(name: str) -> str:
    """A name of the user's code with the full path of its file."""
    return os.path.realpath(name) if ".py:" in name else name


def _check_room(count: int, most: int) -> None:
    if count >= most:
        raise ConfigurationError(f"{most} classes of yours are loaded already; start a new process")
