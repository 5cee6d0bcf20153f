"""The operator's desk: what can be asked of a served venue from outside, a row each. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import CATALOGUE, fields_of, kind_of
from failing_exchange.faults.fields import spec_of
from failing_exchange.faults.triggers import always, parse
from failing_exchange.incidents import command_of
from failing_exchange.plain_trips import plain, row
from failing_exchange.scenario import load, read

if TYPE_CHECKING:
    from failing_exchange.conduct.judge import Judge
    from failing_exchange.fronts.wire.asking import Asking
    from failing_exchange.fronts.wire.binance import Binance

TRIPS_SHOWN_MAX = 1_000  # of one answer; ask again with `after` for more
WHOM = ("operations", "symbols", "sides", "clients", "client_order_ids")

Asked = Mapping[str, Any]


class Route(NamedTuple):
    """A row: where, what for, what it takes (name -> JSON type), and the method that answers."""

    method: str
    path: str
    summary: str
    takes: Mapping[str, str]
    answer: Callable[[Desk, Asked], Any]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parts of the path that the row names, or None for another path."""
        found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path), path)
        if found is None or method != self.method:
            return None
        return {name: unquote(part) for name, part in found.groupdict().items()}


class NotFound(Exception):
    """There is nothing there."""


class Desk:
    """Carries out what the operator asks of a venue.

    `answer` raises NotFound, ConfigurationError or `Reject` for what can't be done; the text says
    why, and what is expected.
    """

    def __init__(self, venue: Binance) -> None:
        self.venue = venue
        self.exchange = venue.exchange
        self.asked: dict[str, Asking] = {}  # bots of other processes, by account

    def answer(self, method: str, path: str, asked: Asked) -> Any:
        """What a request is answered, as JSON can hold it."""
        for route in ROUTES:
            named = route.match(method, path)
            if named is not None:
                _check(route, asked)
                return route.answer(self, {**asked, **named})
        raise NotFound(f"{method} {path}: no such request; GET /openapi.json lists them")

    # ---- looking

    def health(self, asked: Asked) -> Any:
        """Whether the venue is sound."""
        gateway, durable = self.exchange.venue.gateway, self.exchange.venue.durable
        ok = gateway.failure is None
        found: dict[str, Any] = {"ok": ok, "rules": len(self.exchange.armed)}
        if durable is not None:
            found["journal"] = durable.outbox.says
            found["ok"] = ok and not durable.outbox.halted
        return found

    def clock(self, asked: Asked) -> Any:
        """The venue's time."""
        clock = self.exchange.venue.clock
        return {"ns": clock.now(), "virtual": clock.is_virtual}

    def faults(self, asked: Asked) -> Any:
        """The catalogue."""
        return [
            {
                "name": entry.name, "group": entry.group, "door": entry.door, "says": entry.says,
                "fields": {
                    one.name: {"default": plain(one.default), "says": spec_of(one).says,
                               "unit": spec_of(one).unit}
                    for one in fields(entry.kind)
                },
                "operations": list(entry.operations), "incidents": entry.incidents,
            }
            for entry in CATALOGUE.values()
        ]  # fmt: skip

    def rules(self, asked: Asked) -> Any:
        """What is armed."""
        return [_rule(rule) for rule in self.exchange.armed]

    def statistics(self, asked: Asked) -> Any:
        """What has struck."""
        return self.exchange.get_failure_statistics()

    def trips(self, asked: Asked) -> Any:
        """The journal's tail, both columns; with `after` what comes behind that trip."""
        limit = min(_whole(asked, "limit", 100), TRIPS_SHOWN_MAX)
        kept = self.exchange.journal.trips
        if "after" not in asked:
            return [row(trip) for trip in islice(kept, max(0, len(kept) - limit), None)]
        after = _whole(asked, "after", 0)
        return [row(trip) for trip in islice((t for t in kept if t.number > after), limit)]

    def explanation(self, asked: Asked) -> Any:
        """Which rules met a trip, and which decided."""
        return {"text": str(self.exchange.explain(_whole(asked, "number", 0)))}

    def account(self, asked: Asked) -> Any:
        """The truth of the first column: balances and open orders."""
        from failing_exchange.core.commands import FetchBalance, FetchOrders

        venue, name = self.exchange.venue, str(asked["name"])
        if name not in venue.accounts:
            raise NotFound(f"no account {name!r}; there are {', '.join(venue.accounts)}")
        assert venue.engine is not None
        now = venue.clock.now()
        venue.gateway.settle(now)
        balances = venue.engine.execute(FetchBalance(name), now)[1]
        orders = venue.engine.execute(FetchOrders(name), now)[1]
        return {"balances": plain(balances.assets), "open_orders": plain(orders.orders)}

    def connections(self, asked: Asked) -> Any:
        """The open WebSocket connections."""
        return [connection.name for connection in self.venue.sockets.connections]

    def verdict(self, asked: Asked) -> Any:
        """What the judge says of an account's client now."""
        return self._judge(asked).verdict(outside=True).as_dict()

    def _judge(self, asked: Asked) -> Judge:
        name, judges = str(asked.get("account", "main")), self.venue.judges
        if name not in judges:
            known = ", ".join(judges) or "nobody: serve with --judge"
            raise NotFound(f"{name!r} is not judged; judged are {known}")
        return judges[name]

    # ---- acting

    def intend(self, asked: Asked) -> Any:
        """The bot declares what it wants, once."""
        judge = self._judge(asked)
        intent = judge.intents.declare(
            asked["symbol"], asked["side"], float(asked["amount"]),
            self.exchange.venue.clock.now(), covered_within=asked.get("covered_within"),
        )  # fmt: skip
        return {"intent": intent.number}

    def probe(self, asked: Asked) -> Any:
        """Where the bot can be asked for what it believes."""
        from failing_exchange.fronts.wire.asking import Asking

        name = str(asked.get("account", "main"))
        if name in self.asked:
            raise ConfigurationError(f"{name!r} is asked at {self.asked[name].url} already")
        asking = self.asked[name] = Asking(self._judge(asked), asked["url"])
        asking.start()
        return {"url": asking.url}

    def arm(self, asked: Asked) -> Any:
        """One fault of the catalogue."""
        given = dict(asked)
        kind, name, when = given.pop("kind"), given.pop("name", None), given.pop("when", None)
        whom = {key: _texts(key, given.pop(key)) for key in WHOM if key in given}
        fields = given.pop("fields", {})
        trigger = parse(when) if when is not None else always
        armed = self.exchange.arm(kind, trigger, name=name, **whom, **fields)
        return _rule(armed.rule)

    def disarm(self, asked: Asked) -> Any:
        """One rule."""
        self.exchange.disarm(str(asked["name"]))
        return {"disarmed": asked["name"]}

    def reset(self, asked: Asked) -> Any:
        """Health again."""
        self.exchange.reset()
        return {"rules": len(self.exchange.armed)}

    def set_mode(self, asked: Asked) -> Any:
        """One failure mode in place of all."""
        self.exchange.set_failure_mode(
            asked["mode"], asked.get("probability", 1.0), asked.get("params")
        )
        return {"mode": str(self.exchange.failure_mode), "rate": self.exchange.failure_rate}

    def incident(self, asked: Asked) -> Any:
        """The operator does something, lawfully."""
        fields = dict(asked)
        venue = self.exchange.venue
        venue.gateway.operate(command_of(fields.pop("do"), fields, venue.markets))
        return {"done": asked["do"]}

    def scenario(self, asked: Asked) -> Any:
        """Faults and incidents of a scenario, from now on."""
        if ("name" in asked) == ("toml" in asked):
            raise ConfigurationError('expected either "name" (a shipped scenario) or "toml"')
        found = load(asked["name"]) if "name" in asked else read(asked["toml"])
        found.apply(self.exchange)
        return {"scenario": found.name, "rules": len(self.exchange.armed)}

    def hang_up(self, asked: Asked) -> Any:
        """Break all open WebSocket connections."""
        found = list(self.venue.sockets.connections)
        for connection in found:
            connection.abort()
        return {"broken": len(found)}

    def openapi(self, asked: Asked) -> Any:
        """This table, as an OpenAPI document."""
        return openapi()


NUMBER, TEXT, THINGS = "integer", "string", "object"
ROUTES = (
    Route("GET", "/health", "Whether the venue is sound", {}, Desk.health),
    Route("GET", "/clock", "The venue's clock, in nanoseconds since the epoch", {}, Desk.clock),
    Route("GET", "/faults", "The catalogue of faults", {}, Desk.faults),
    Route("GET", "/rules", "What is armed", {}, Desk.rules),
    Route("POST", "/rules", "Arm a fault of the catalogue",
          {"kind": TEXT, "name": TEXT, "when": TEXT, "fields": THINGS, "operations": "array",
           "symbols": "array", "sides": "array", "clients": "array",
           "client_order_ids": "array"}, Desk.arm),
    Route("DELETE", "/rules", "Disarm everything", {}, Desk.reset),
    Route("DELETE", "/rules/{name}", "Disarm one rule", {}, Desk.disarm),
    Route("POST", "/modes", "Set the failure mode",
          {"mode": TEXT, "probability": "number", "params": THINGS}, Desk.set_mode),
    Route("GET", "/statistics", "What has struck, by kind", {}, Desk.statistics),
    Route("GET", "/trips", "The journal's tail, both columns; or what came after a trip",
          {"after": NUMBER, "limit": NUMBER}, Desk.trips),
    Route("GET", "/trips/{number}/explanation", "Which rules met a trip, and which decided", {},
          Desk.explanation),
    Route("POST", "/incidents", "Have the operator do something, as in scenario files",
          {"do": TEXT}, Desk.incident),
    Route("POST", "/scenario", "Load a scenario's faults and incidents, from now on",
          {"name": TEXT, "toml": TEXT}, Desk.scenario),
    Route("GET", "/accounts/{name}", "An account's true balances and open orders", {},
          Desk.account),
    Route("GET", "/verdict", "What the judge says of a client now (serve --judge)",
          {"account": TEXT}, Desk.verdict),
    Route("POST", "/intents", "A bot declares what it wants, once",
          {"symbol": TEXT, "side": TEXT, "amount": "number", "covered_within": "number",
           "account": TEXT}, Desk.intend),
    Route("POST", "/probe", "An address of this machine that says what a bot believes",
          {"url": TEXT, "account": TEXT}, Desk.probe),
    Route("GET", "/connections", "The open WebSocket connections", {}, Desk.connections),
    Route("DELETE", "/connections", "Break them all", {}, Desk.hang_up),
    Route("GET", "/openapi.json", "This table", {}, Desk.openapi),
)  # fmt: skip
REQUIRED = {
    "/rules": ("kind",),
    "/modes": ("mode",),
    "/incidents": ("do",),
    "/intents": ("symbol", "side", "amount"),
    "/probe": ("url",),
}
FREE = ("/incidents",)  # takes more than its table says: the fields of the incident
KINDS: dict[str, tuple[type, ...]] = {
    NUMBER: (int, str),
    "number": (int, float),
    TEXT: (str,),
    "array": (list, str),
    THINGS: (dict,),
}


def _check(route: Route, asked: Asked) -> None:
    """Refuse what the row does not take."""
    for name, value in asked.items():
        kind = route.takes.get(name)
        if kind is None:
            if route.path in FREE:
                continue
            known = ", ".join(route.takes) or "nothing"
            raise ConfigurationError(f"{name!r} is unknown here; expected {known}")
        if not isinstance(value, KINDS[kind]) or isinstance(value, bool):
            raise ConfigurationError(f"{name} = {value!r}; expected {kind}")
    if route.method == "POST":
        for name in REQUIRED.get(route.path, ()):
            if name not in asked:
                raise ConfigurationError(f"{name!r} is missing")


def _whole(asked: Asked, name: str, default: int) -> int:
    text = str(asked.get(name, default))
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ConfigurationError(f"{name} = {text!r}; expected a whole number")
    return int(text)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(one, str) for one in found):
        raise ConfigurationError(f"{name} = {value!r}; expected texts")
    return found


def _rule(rule: Any) -> dict[str, Any]:
    return {
        "name": rule.name,
        "kind": kind_of(rule.fault).name,
        "fields": plain(fields_of(rule.fault)),
        "when": str(rule.when),
        "operations": list(rule.whom.operations),
        "met": rule.met,
        "struck": rule.struck,
    }


def openapi() -> dict[str, Any]:
    """The table of routes as an OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        named = [
            {"name": name, "in": "path", "required": True, "schema": {"type": TEXT}}
            for name in re.findall(r"{(\w+)}", route.path)
        ]
        operation: dict[str, Any] = {
            "summary": route.summary,
            "parameters": named,
            "responses": {"200": {"description": "done"}, "400": {"description": "it says why"}},
        }
        if route.method == "GET":
            operation["parameters"] = named + [
                {"name": name, "in": "query", "schema": {"type": kind}}
                for name, kind in route.takes.items()
            ]
        elif route.takes:
            properties = {name: {"type": kind} for name, kind in route.takes.items()}
            schema = {"type": "object", "properties": properties,
                      "required": list(REQUIRED.get(route.path, ()))}  # fmt: skip
            operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    info = {"title": "failing-exchange control", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def table() -> str:
    """The table of routes in Markdown."""
    rows = [f"| `{r.method} {r.path}` | {r.summary} | {', '.join(r.takes)} |" for r in ROUTES]
    return "\n".join(["| request | what it does | takes |", "|---|---|---|", *rows])


__all__ = ["ROUTES", "Desk", "NotFound", "Reject", "Route", "openapi", "table"]
