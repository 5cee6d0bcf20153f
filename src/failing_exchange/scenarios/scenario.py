"""Read scenarios: a whole run as data, in a TOML file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from failing_exchange.core.market import Market, is_contract
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import DAY_S, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.arming import check_name, scope_of
from failing_exchange.faults.catalogue import make
from failing_exchange.faults.modes import FailureMode, preset
from failing_exchange.faults.triggers import always, parse, probability_of
from failing_exchange.text.durations import FORMS, seconds_of
from failing_exchange.text.files import read_text
from failing_exchange.text.number_checks import is_whole
from failing_exchange.text.spelling import did_you_mean as nearest, shown
from failing_exchange.text.toml_text import parse_toml
from failing_exchange.venue.api_changes import day_of
from failing_exchange.venue.default_world import (
    SYMBOL,
    balances_of,
    check_balances,
    check_fee_asset,
    listings_of,
    recordings_of,
)
from failing_exchange.venue.latency import latency_of
from failing_exchange.venue.maintenance import MaintenanceSchedule
from failing_exchange.venue.operator_incidents import command_of, one_of
from failing_exchange.venue.used_account import check_settings, leave_with

KEYS = (
    "description", "evidence", "seed", "duration", "markets", "fees", "recordings", "accounts",
    "timeout", "rate_limit", "latency", "background", "maintenance", "modes", "faults",
    "incidents", "intent", "family", "symptom", "behaviour", "rules", "options", "bot", "calm",
    "restarts", "expect", "as_of",
)  # fmt: skip
STRATEGIES = ("minute", "maker", "stopper", "streamer", "perpetual")  # of the reference bots
EXPECTED = ("naive_breaks", "harms", "harms_breaks", "in_process", "wire")  # keys of [expect]
ACCOUNT_KEYS = ("balances", "fee_asset", "margin")
WHOLE_MAX = 10**18 - 1  # of a seed or a limit; a larger number is refused
SECONDS_MAX = 10_000 * DAY_S  # no time of a scenario is longer; a longer one is refused
FAMILIES = {  # of shipped scenarios, beside those of the table of known incidents
    "P1": "P1 stops and conditional orders",
    "P2": "P2 reduce-only, position side and modes",
    "P3": "P3 margin and leverage",
    "P4": "P4 liquidation, deleveraging, delisting",
    "P5": "P5 funding",
    "P6": "P6 streams, limits, restarts of futures bots",
    "TC": "Unknown outcomes, as NautilusTrader's test cases describe them",
    "weather": "Mixed weather",
}
WHOM = ("operations", "symbols", "sides", "clients", "client_order_ids")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything that a run is made of, checked. Times are in seconds, balances in units.

    `arguments` are those of `FailingExchange`; `apply` arms the rest.
    """

    name: str
    description: str = ""
    evidence: str = ""
    family: str = ""  # of the reference: F1 to F11
    symptom: str = ""  # what the client sees
    behaviour: str = ""  # what a careful bot does
    rules: tuple[str, ...] = ()  # of conduct, that judge it
    options: Mapping[str, Any] = field(default_factory=dict)  # their parameters, by rule
    bot: str = ""  # the strategy of the reference bots that meets it
    calm: float | None = None  # seconds at the end in which nothing fails; None: not said
    restarts: tuple[float, ...] = ()  # seconds at which the bot is killed and started again
    expect: Mapping[str, Any] = field(default_factory=dict)  # in process, and on a venue
    seed: int = 0
    duration: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left_with: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by account
    rate_limit: int | None = None
    modes: tuple[Mapping[str, Any], ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()
    incidents: tuple[tuple[int, Any], ...] = ()  # (nanoseconds from the start, command)
    intent: Mapping[str, Any] = field(default_factory=dict)

    def intents(self) -> list[dict[str, Any]]:
        """The orders that a bot with a parameter `intents` is told to place."""
        if "amount" not in self.intent:
            return []
        one = {
            "at": 0.0,
            "symbol": str(self.intent.get("symbol", SYMBOL)),
            "side": str(self.intent.get("side", "buy")),
            "amount": float(self.intent["amount"]),
        }
        return [dict(one) for _ in range(int(self.intent.get("orders", 1)))]

    def apply(self, exchange: Any) -> None:
        """Arm the faults, open the accounts and plan the incidents on a `FailingExchange`."""
        for name, account in self.accounts.items():
            if name != "main":
                exchange.client(name, **account)
        for name, settings in self.left_with.items():
            leave_with(exchange.venue, name, settings)
        if self.rate_limit is not None:
            exchange.set_rate_limit(self.rate_limit)
        for mode in self.modes:
            exchange.add_failure_mode(
                mode["mode"], mode.get("probability", 1.0), mode.get("params")
            )
        for fault in self.faults:
            given = dict(fault)
            kind, when = given.pop("kind"), given.pop("when", None)
            exchange.arm(kind, parse(when) if when else always, **given)
        for after, command in self.incidents:
            exchange.venue.plan_incident(after, command)


def load(place: str | Path) -> Scenario:
    """A scenario from a file, or a shipped one by its name.

    Raises ConfigurationError that names the file, the key, the value and what is accepted.
    """
    path = Path(place)
    if path.suffix != ".toml" and not path.is_file():
        if str(place) not in shipped():
            known = dict.fromkeys(shipped())
            raise ConfigurationError(f"no scenario {str(place)!r}{one_of(str(place), known)}")
        text = (_folder() / f"{place}.toml").read_text(encoding="utf-8")
        return read(text, name=str(place), place=f"{place}.toml")
    return read(read_text("scenario", place), name=path.stem, place=str(place))


def read(text: str, *, name: str = "scenario", place: str = "scenario") -> Scenario:
    """A scenario from TOML text."""
    try:
        table = parse_toml(text)
    except ValueError as error:  # also a number of thousands of digits
        raise ConfigurationError(f"{place}: {error}") from error
    return _Reader(place, table).scenario(name)


def shipped() -> list[str]:
    """The names of the scenarios that come with the package."""
    found = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def describe(name: str | None = None) -> str:
    """The shipped scenarios as text, a line each; or one of them, whole."""
    if name is None:
        return _list_of_shipped()
    load(name)  # says what is wrong with it
    if name in shipped():
        return str((_folder() / f"{name}.toml").read_text(encoding="utf-8")).rstrip()
    return read_text("scenario", name).rstrip()


@cache
def summaries() -> list[dict[str, str]]:
    """The shipped scenarios for programs; `group` is the title of the family."""
    names, titles = ("name", "description", "family", "symptom", "behaviour"), family_titles()
    return [
        {name: getattr(one, name) for name in names} | {"group": titles[one.family]}
        for one in map(load, shipped())
    ]


def family_titles() -> dict[str, str]:
    """The title of each family of shipped scenarios, in the order of the documentation."""
    from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS

    known = {incident.family.split()[0]: incident.family for incident in KNOWN_INCIDENTS}
    return {**known, **FAMILIES}


@cache
def _list_of_shipped() -> str:
    scenarios = [load(one) for one in shipped()]
    width = max(len(one.name) for one in scenarios)
    return "\n".join(f"{one.name:<{width}}  {one.description}" for one in scenarios)


def _folder() -> Any:
    return files("failing_exchange") / "scenarios"


class _Reader:
    """Reads a table; each error names the file and the key."""

    def __init__(self, place: str, table: Mapping[str, Any]) -> None:
        self.place = place
        self.table = table

    def scenario(self, name: str) -> Scenario:
        """The scenario that the table describes."""
        for key in self.table:
            if key not in KEYS:
                self._fail(key, f"is not a key of a scenario{one_of(key, dict.fromkeys(KEYS))}")
        get = self.table.get
        listings = self._try("markets", lambda: listings_of(get("markets"), get("fees")))
        markets = {symbol: listing.market for symbol, listing in listings.items()}
        accounts = dict(self._accounts(markets))
        arguments = {
            "markets": list(listings.values()),
            **self._arguments(),
            **accounts.get("main", {}),
        }
        if "recordings" in self.table:
            arguments["recordings"] = self._recordings(markets)
        return Scenario(
            name=name,
            **self._about(),
            seed=self._whole("seed", 0),
            duration=self._seconds("duration", get("duration"))
            if "duration" in self.table
            else None,
            arguments=arguments,
            accounts=accounts,
            left_with=dict(self._left_with(markets)),
            rate_limit=self._whole("rate_limit", 1) if "rate_limit" in self.table else None,
            modes=tuple(self._modes()),
            faults=tuple(self._faults(markets)),
            incidents=tuple(self._incidents(markets, accounts)),
            intent=self._table("intent"),
        )

    def _arguments(self) -> dict[str, Any]:
        """Those of `FailingExchange` that need no other key of the table."""
        get = self.table.get
        arguments = {
            "seed": self._whole("seed", 0),
            "background": self._flag("background", True),
            "maintenance_schedule": get("maintenance"),
        }
        if "as_of" in self.table:
            arguments["as_of"] = self._day("as_of")
        self._try("maintenance", lambda: MaintenanceSchedule.parse(get("maintenance")))
        if "timeout" in self.table:
            arguments["connection_timeout"] = self._seconds("timeout", get("timeout"))
            if not arguments["connection_timeout"]:
                self._fail("timeout", f"= {get('timeout')!r} must be above 0")
        if "latency" in self.table:
            wanted = get("latency")
            arguments["latency"] = wanted = None if wanted == "none" else wanted
            if wanted != "auto":
                self._try("latency", partial(latency_of, wanted))
        return arguments

    def _recordings(self, markets: Mapping[str, Market]) -> Mapping[str, Any]:
        """Files of trades or candles by symbol; a relative path starts at the scenario's folder."""
        given = {k: Path(self.place).parent / str(v) for k, v in self._table("recordings").items()}
        return dict(self._try("recordings", lambda: recordings_of(given, markets)))

    def _about(self) -> dict[str, Any]:
        """What a scenario is for, and how a bot is judged in it."""
        get = self.table.get
        names = ("description", "evidence", "family", "symptom", "behaviour")
        return {
            **{name: self._text(name) for name in names},
            "bot": self._strategy(),
            "rules": self._rules(),
            "options": self._table("options"),
            "calm": self._seconds("calm", get("calm")) if "calm" in self.table else None,
            "restarts": tuple(self._seconds("restarts", at) for at in self._listed("restarts")),
            "expect": self._expect(),
        }

    def _expect(self) -> Mapping[str, Any]:
        """What the scenario's own tests assert: a misspelled key would remove a test."""
        from failing_exchange.judge.catalogue import RULES

        found = self._table("expect")
        for key, seen in found.items():
            if key not in EXPECTED:
                near = one_of(key, dict.fromkeys(EXPECTED))
                self._fail(f"expect.{key}", f"is not a key of expect{near}")
            if key == "harms":
                if not isinstance(seen, str) or not found.get("harms_breaks"):
                    self._fail("expect.harms", f"= {seen!r} must be the name of a bot, beside "
                               "harms_breaks, the rules that it breaks")  # fmt: skip
            elif key != "wire":
                self._strings(f"expect.{key}", seen)
        for key in ("naive_breaks", "harms_breaks"):
            for rule in found.get(key, []):
                if rule not in RULES:
                    near = one_of(rule, dict.fromkeys(RULES))
                    self._fail(f"expect.{key}", f"names {rule!r}, which is not a rule{near}")
        self._check_symptoms(found)
        return found

    def _check_symptoms(self, expect: Mapping[str, Any]) -> None:
        """What clients see: in process, and on the wire of each venue that is named."""
        wire = expect.get("wire", {})
        if not isinstance(wire, dict):
            self._fail("expect.wire", f"= {wire!r} must be a table: wire.VENUE = [...]")
        seen = {f"wire.{venue}": listed for venue, listed in wire.items()}
        for key, listed in {"in_process": expect.get("in_process", []), **seen}.items():
            for one in self._strings(f"expect.{key}", listed):
                if ": " not in one:
                    self._fail(f"expect.{key}", f"has {one!r}; write 'operation: what is seen'")

    def _strings(self, key: str, listed: Any) -> list[str]:
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            self._fail(key, f"= {listed!r} must be a list of strings")
        found: list[str] = listed
        return found

    def _strategy(self) -> str:
        name = self._text("bot")
        if name and name not in STRATEGIES:
            self._fail(
                "bot", f"= {name!r} is not a strategy{one_of(name, dict.fromkeys(STRATEGIES))}"
            )
        return name

    def _rules(self) -> tuple[str, ...]:
        from failing_exchange.judge.catalogue import make

        names, options = self.table.get("rules", []), self.table.get("options", {})
        if not isinstance(names, list) or not isinstance(options, dict):
            self._fail("rules", "is a list of rules of conduct, options a table by rule")
        self._try("rules", partial(make, [str(name) for name in names], options))
        return tuple(str(name) for name in names)

    def _accounts(self, markets: Mapping[str, Market]) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, account in self._tables("accounts"):
            for key in account:
                if key not in ACCOUNT_KEYS:
                    near = one_of(key, dict.fromkeys(ACCOUNT_KEYS))
                    self._fail(f"accounts.{name}.{key}", f"is not a key of an account{near}")
            key = f"accounts.{name}.balances"
            held = self._try(key, partial(balances_of, account.get("balances")))
            self._try(key, partial(check_balances, held, markets))
            fee_asset = partial(check_fee_asset, account.get("fee_asset"), markets)
            self._try(f"accounts.{name}.fee_asset", fee_asset)
            yield name, {key: value for key, value in account.items() if key != "margin"}

    def _left_with(self, markets: Mapping[str, Market]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The settings of contracts with which accounts were left."""
        for name, account in self._tables("accounts"):
            if "margin" in account:
                key = f"accounts.{name}.margin"
                self._try(key, partial(check_settings, account["margin"], "it"))
                if not any(map(is_contract, markets)):
                    self._fail(key, "is for contracts: list one in markets, as BTC/USDT:USDT")
                yield name, account["margin"]

    def _modes(self) -> Iterator[Mapping[str, Any]]:
        for key, mode in self._list("modes"):
            unknown = [one for one in mode if one not in ("mode", "probability", "params")]
            if unknown or "mode" not in mode:
                self._fail(key, "has the keys mode, probability and params")
            if mode["mode"] not in FailureMode.__members__:
                known = dict(FailureMode.__members__)
                name = str(mode["mode"])
                self._fail(f"{key}.mode", f"= {name!r} is not a failure mode{one_of(name, known)}")
            self._try(f"{key}.probability", partial(probability_of, mode.get("probability", 1.0)))
            wanted, params = FailureMode(mode["mode"]), mode.get("params", {})
            if wanted is not FailureMode.NONE:
                self._try(f"{key}.params", partial(preset, wanted, params))
            elif params:
                self._fail(f"{key}.params", f"= {params!r}: NONE takes no params")
            yield mode

    def _faults(self, markets: Mapping[str, Market]) -> Iterator[Mapping[str, Any]]:
        for key, fault in self._list("faults"):
            if "kind" not in fault:
                self._fail(f"{key}.kind", "is missing: a fault of the catalogue")
            fields = {
                name: value
                for name, value in fault.items()
                if name not in ("kind", "when", "name", *WHOM)
            }
            self._try(key, partial(make, fault["kind"], **fields))
            whom = {name: fault[name] for name in WHOM if name in fault}
            self._try(key, partial(scope_of, whom, markets))
            self._try(f"{key}.name", partial(check_name, fault.get("name")))
            if "when" in fault:
                self._try(f"{key}.when", partial(parse, str(fault["when"])))
            yield fault

    def _incidents(
        self, markets: Mapping[str, Market], accounts: Mapping[str, Any]
    ) -> Iterator[tuple[int, Any]]:
        known = {"main": {}, **accounts}
        for key, incident in self._list("incidents"):
            fields = dict(incident)
            if "at" not in fields or "do" not in fields:
                self._fail(key, 'has the keys at (seconds, or "10m") and do (an incident)')
            after = round(self._seconds(f"{key}.at", fields.pop("at")) * SECOND)
            name = str(fields.pop("do"))
            account = str(fields.get("account", "main"))
            if account not in known and (near := nearest(account, known)):
                self._fail(f"{key}.account", f"= {account!r} is not an account{near}")
            held = {str(fields.get("asset", "")): 0}
            self._try(f"{key}.asset", partial(check_balances, held, markets))
            yield after, self._try(key, partial(command_of, name, fields, markets))

    def _text(self, key: str) -> str:
        value = self.table.get(key, "")
        if not isinstance(value, str):
            self._fail(key, f"= {value!r} must be a string")
        return str(value)

    def _flag(self, key: str, default: bool) -> bool:
        value = self.table.get(key, default)
        if not isinstance(value, bool):
            self._fail(key, f"= {value!r} must be true or false")
        return bool(value)

    def _table(self, key: str) -> Mapping[str, Any]:
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            self._fail(key, f"= {value!r} must be a table: write [{key}]")
        return dict(value)

    def _listed(self, key: str) -> list[Any]:
        value = self.table.get(key, [])
        if not isinstance(value, list):
            self._fail(key, f"= {value!r} must be a list")
        return list(value)

    def _list(self, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self._fail(key, f"is an array of tables: write [[{key}]]")
        for n, entry in enumerate(value, 1):
            yield f"{key}[{n}]", entry

    def _tables(self, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        value = self.table.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
            self._fail(key, f"is a table of tables: write [{key}.NAME]")
        yield from value.items()

    def _whole(self, key: str, least: int) -> int:
        value = self.table.get(key, least)
        if not is_whole(value) or not least <= value <= WHOLE_MAX:
            self._fail(
                key, f"= {shown(value)} must be a whole number of at least {least}, below 10^18"
            )
        return int(value)

    def _day(self, key: str) -> str | None:
        value = self.table[key]
        try:
            return day_of(value)
        except ConfigurationError:
            self._fail(key, f"= {shown(value)} must be a date, as 2025-12-01")
            raise

    def _seconds(self, key: str, value: object) -> float:
        try:
            seconds = float(seconds_of(value))
        except ValueError:
            seconds = math.inf
        if seconds > SECONDS_MAX:
            self._fail(
                key, f"= {shown(value)} must be {FORMS}, at most {SECONDS_MAX // DAY_S} days"
            )
        return seconds

    def _try(self, key: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (ConfigurationError, Reject, TypeError, ValueError) as error:
            self._fail(key, f": {error}")

    def _fail(self, key: str, what: str) -> Any:
        raise ConfigurationError(f"{self.place}: {key} {what}".replace(" : ", ": "))
