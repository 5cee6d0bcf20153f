"""The command `ctl`: control a served venue from a terminal or a shell script."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.cli.options import Parser, probability, whole
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.files import read_text

if TYPE_CHECKING:
    from failing_exchange.testing.control_client import Control

URL = "http://127.0.0.1:8090"
URL_VARIABLE = "FAILING_EXCHANGE_CONTROL_URL"
TOKEN_VARIABLE = "FAILING_EXCHANGE_CONTROL_TOKEN"
# Each names a method of `Control`, and takes nothing.
PLAIN = {
    "health": ("health", "whether the venue works and its journal can be written"),
    "clock": ("clock", "the venue's clock, in nanoseconds since the epoch"),
    "faults": ("faults", "the catalogue of faults, with their fields"),
    "list": ("rules", "the rules that are armed"),
    "reset": ("reset", "disarm everything"),
    "statistics": ("statistics", "number of strikes, by kind of fault"),
    "metrics": ("metrics", "numbers for Prometheus, as text"),
    "connections": ("connections", "the open WebSocket connections"),
    "hang-up": ("hang_up", "break all WebSocket connections"),
    "openapi": ("openapi", "all requests of the control API as an OpenAPI document"),
}
WHOM = {
    "operation": "operations", "symbol": "symbols", "side": "sides", "client": "clients",
    "client-order-id": "client_order_ids",
}  # fmt: skip
FIELDS = "as seconds=5 or amount=0.1; a value is JSON, or text"


class _Action(Parser):
    """Takes NAME=VALUE before and behind options; argparse alone takes them in one place."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What was given, and what is unknown."""
        found, unknown = super().parse_known_args(args, namespace)
        if hasattr(found, "fields"):
            found.fields = [*found.fields, *(one for one in unknown if one[:1] != "-")]
            unknown = [one for one in unknown if one[:1] == "-"]
        return found, unknown


def add_parser(commands: Any) -> None:
    """Add `ctl` to a command line."""
    ctl = commands.add_parser(
        "ctl",
        help="arm faults on a served venue, and look at it",
        description="Tell a venue that is being served what to do: `failing-exchange serve` with "
        "--control-port listens for it. The answer is printed as JSON.",
    )
    known = os.environ.get(URL_VARIABLE) or URL
    ctl.add_argument(
        "--url", default=known, help=f"URL of the control API (default {URL}, or {URL_VARIABLE})"
    )
    token = os.environ.get(TOKEN_VARIABLE) or None
    ctl.add_argument(
        "--token", default=token, help=f"token of the control API (default: {TOKEN_VARIABLE})"
    )
    actions = ctl.add_subparsers(metavar="ACTION", parser_class=_Action, required=True)
    for name, (method, text) in PLAIN.items():
        action = actions.add_parser(name, help=text)
        action.set_defaults(
            command=ctl_command, act=lambda c, o, method=method: getattr(c, method)()
        )
    _add_arming(actions)
    _add_looking(actions)
    _add_acting(actions)


def _add(actions: Any, name: str, text: str, act: Any, /, *positional: str, **options: Any) -> Any:
    """An action with its arguments; an option's value is what argparse takes for it."""
    action = actions.add_parser(name, help=text)
    for one in positional:
        action.add_argument(one)
    for one, given in options.items():
        action.add_argument(f"--{one.replace('_', '-')}", **given)
    action.set_defaults(command=ctl_command, act=act)
    return action


def _add_arming(actions: Any) -> None:
    arm = _add(actions, "arm", "arm a fault of the catalogue", _arm, "kind",
               when={"help": "a trigger, as nth(1) or chance(0.1) (default: always)"},
               name={"help": "the rule's name (default: the fault's)"})  # fmt: skip
    for one, what in WHOM.items():
        arm.add_argument(
            f"--{one}", dest=what, action="append", help="strike only this one; may be repeated"
        )
    arm.add_argument("fields", nargs="*", metavar="FIELD=VALUE", help=FIELDS)
    _add(actions, "disarm", "disarm one rule", lambda c, o: c.disarm(o.name), "name")
    share = {"type": probability, "default": 1.0, "help": "0 to 1 (default 1)"}
    mode = _add(
        actions, "mode", "set a failure mode, or NONE", _set_mode, "mode", probability=share
    )
    mode.add_argument("fields", nargs="*", metavar="PARAM=VALUE", help=FIELDS)
    _add(actions, "scenario", "load a shipped scenario by its name, or a file", _scenario, "place")


def _add_looking(actions: Any) -> None:
    _add(actions, "trips", "the end of the journal, both columns",
         lambda c, o: c.trips(o.after, o.limit),
         after={"type": whole(), "help": "trips after this one"},
         limit={"type": whole(), "default": 100, "help": "how many (default 100)"})  # fmt: skip
    explain = _add(
        actions, "explain", "show which rules matched a trip", lambda c, o: c.explain(o.number)
    )
    explain.add_argument("number", type=whole(), help="number of the trip")
    account = _add(actions, "account", "true wallets, positions and open orders",
                   lambda c, o: c.account(o.name))  # fmt: skip
    account.add_argument("name", nargs="?", default="main", help="(default main)")
    verdict = _add(actions, "verdict", "the verdict on a client (serve --judge)",
                   lambda c, o: c.verdict(o.account))  # fmt: skip
    verdict.add_argument("account", nargs="?", default="main", help="(default main)")


def _add_acting(actions: Any) -> None:
    incident = _add(actions, "incident", "carry out an operator incident, as halt or move_price",
                    lambda c, o: c.incident(o.do, **_fields(o.fields)), "do")  # fmt: skip
    incident.add_argument("fields", nargs="*", metavar="PARAMETER=VALUE", help=FIELDS)
    intend = _add(actions, "intend", "declare an order that a bot intends",
                  lambda c, o: c.intend(o.symbol, o.side, o.amount, **_fields(o.fields)),
                  "symbol", "side", "amount")  # fmt: skip
    intend.add_argument("fields", nargs="*", metavar="FIELD=VALUE",
                        help="covered_within=10m, account=main")  # fmt: skip
    _add(actions, "probe", "set the URL at which a bot says what it believes",
         lambda c, o: c.probe(o.belief, o.account), "belief",
         account={"default": "main", "help": "account of the bot (default main)"})  # fmt: skip


def ctl_command(options: argparse.Namespace) -> int:
    """Send the request and print the answer."""
    from failing_exchange.testing.control_client import Control

    try:
        found = options.act(Control(options.url, options.token), options)
    except ConnectionError as error:
        raise ConfigurationError(
            f"{error}; serve with --control-port, or give its --url"
        ) from error
    if isinstance(found, str):
        print(found)
    elif found is not None:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    return CLEAN


def _arm(control: Control, options: argparse.Namespace) -> Any:
    whom = {what: getattr(options, what) for what in WHOM.values() if getattr(options, what)}
    return control.arm(
        options.kind, options.when, name=options.name, **whom, **_fields(options.fields)
    )


def _set_mode(control: Control, options: argparse.Namespace) -> None:
    control.set_failure_mode(options.mode, options.probability, _fields(options.fields))


def _scenario(control: Control, options: argparse.Namespace) -> None:
    """Load a scenario; a file is read here and sent as text, so the venue opens no files."""
    if options.place.endswith(".toml") or Path(options.place).is_file():
        control.scenario(toml=read_text("scenario", options.place))
    else:
        control.scenario(name=options.place)


def _fields(given: list[str]) -> dict[str, Any]:
    """Read `name=value` arguments.

    >>> _fields(["seconds=5", "symbol=BTC/USDT", "when=10m"])
    {'seconds': 5, 'symbol': 'BTC/USDT', 'when': '10m'}
    """
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{text!r}; expected NAME=VALUE, {FIELDS}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
