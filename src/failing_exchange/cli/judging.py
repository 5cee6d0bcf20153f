"""The options that choose what a bot is judged by: rules, their parameters, client order ids."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.terminal import fitted
from failing_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    from failing_exchange.judge.verdict import Verdict

RULE = (
    "a rule of yours, as rules.py:Name (docs/own_rules.md); may be repeated; it is judged "
    "besides the others"
)
RULES = "judge by these shipped rules only, as once,alive (see `failing-exchange rules`)"
IGNORE = "leave these shipped rules out, as no_hot_loop,fresh"
SET = "a parameter of a rule, as fresh.age_s=5; may be repeated"
CLIENT_IDS = (
    "a regular expression whose first group names what an order is for: with '(.*)-[0-9]+' the "
    "orders entry-1 and entry-2 are two tries of one intent"
)

VERBOSE = "say of each rule that could not judge why it could not"


def add_verbose(parser: Any) -> None:
    """Add the option `--verbose`."""
    parser.add_argument("--verbose", action="store_true", help=VERBOSE)


def text_of(verdict: Verdict, *, verbose: bool) -> str:
    """A verdict for the terminal; its last line names the rules that could not judge."""
    text = verdict.text(reasons=verbose)
    return fitted(f"{text} (why: --verbose)" if verdict.unjudged and not verbose else text)


def add_judging(parser: Any) -> None:
    """Add the options to a command that judges a bot."""
    parser.add_argument("--rule", action="append", metavar="PATH:NAME", help=RULE)
    add_choice(parser)


def add_choice(parser: Any) -> None:
    """Add the options that choose among the rules, and say what orders are for."""
    add = parser.add_argument
    add("--rules", type=_names, metavar="NAMES", help=RULES)
    add("--ignore", type=_names, metavar="NAMES", help=IGNORE)
    add("--set", action="append", type=_parameter, metavar="RULE.NAME=VALUE", help=SET)
    add("--client-ids", default="", metavar="PATTERN", help=CLIENT_IDS)


def rules_chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The parameters of each rule that was named; None for a shipped one that is left out.

    Raises:
        ConfigurationError: there is no such rule, or no such parameter, or no rule is left.
    """
    from failing_exchange.judge.catalogue import RULES as shipped
    from failing_exchange.judge.intents import check_pattern
    from failing_exchange.runs.user_code import check_rules, rules_of

    own = options.rule or ()
    check_rules(own)
    if options.client_ids:
        check_pattern(options.client_ids)
    only, ignored = options.rules, options.ignore or ()
    for option, names in (("--rules", only or ()), ("--ignore", ignored)):
        for name in names:
            _check_shipped(option, name, shipped)
    chosen: dict[str, Any] = {name: {} for name in own}
    chosen |= {
        name: None for name in shipped if name in ignored or (only is not None and name not in only)
    }
    for rule, name, value in options.set or ():
        if chosen.get(rule, {}) is None:
            raise ConfigurationError(f"--set {rule}.{name}: the rule {rule} is left out")
        chosen[rule] = {**chosen.get(rule, {}), name: value}
    rules_of(chosen)
    return chosen


def _check_shipped(option: str, name: str, shipped: Mapping[str, Any]) -> None:
    from failing_exchange.text.spelling import did_you_mean

    if name not in shipped:
        near = did_you_mean(name, shipped)
        raise ConfigurationError(
            f"{option}: no rule {name!r}{near}; there are {', '.join(shipped)}"
        )


def _names(text: str) -> tuple[str, ...]:
    """Read a list of names.

    >>> _names("once, alive")
    ('once', 'alive')
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}; expected names between commas, as once,alive")
    return names


def _parameter(text: str) -> tuple[str, str, Any]:
    """Read a parameter of a rule; a value that is not JSON is a string.

    >>> _parameter("fresh.age_s=5"), _parameter("one_exit.sides=long")
    (('fresh', 'age_s', 5), ('one_exit', 'sides', 'long'))
    """
    place, is_given, value = text.partition("=")
    rule, _, name = place.rpartition(".")
    if not is_given or not rule or not name:
        raise argparse.ArgumentTypeError(f"{text!r}; expected RULE.NAME=VALUE, as fresh.age_s=5")
    try:
        return rule, name, json.loads(value)
    except ValueError:
        return rule, name, value
