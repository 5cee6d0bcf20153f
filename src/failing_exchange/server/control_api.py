"""The control API's requests, without I/O: what can be asked of a served venue, a row each."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from failing_exchange.core.commands import SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import DAY_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import fields_of, kind_of
from failing_exchange.faults.triggers import always, parse
from failing_exchange.observe.metrics import MISSING, Metrics, is_installed, is_sound
from failing_exchange.page.rows import row_of
from failing_exchange.page.story import related
from failing_exchange.scenarios.saved import Incident, scenario_text
from failing_exchange.scenarios.scenario import load, read, shipped
from failing_exchange.server import control_schemas as schemas
from failing_exchange.server.messages import Reply
from failing_exchange.text.durations import FORMS, seconds_of
from failing_exchange.text.spelling import did_you_mean, shown
from failing_exchange.venue.account_truth import account_view, look_at, view_of
from failing_exchange.venue.operator_incidents import command_of
from failing_exchange.venue.plain_view import instant

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.judge.judge import Judge
    from failing_exchange.server.belief_poller import Asking
    from failing_exchange.server.venue_server import VenueServer

TRIPS_SHOWN_MAX = 1_000  # of one answer; ask again with `after` for more
DONE_KEPT_MAX = 1_000  # incidents by hand that can be saved; the oldest are forgotten
HALTED = (MarketStatus.HALTED, MarketStatus.CANCEL_ONLY)
AROUND_MAX = 2_000  # trips before and after one that are searched for others about its orders
NUMBER_DIGITS_MAX = 18  # of a whole number in a path or a query; a longer one is refused
AMOUNT_MAX = 1e15  # units that a bot may intend; more is refused
COVERED_MAX = 366 * DAY_S  # seconds that an intent may wait to be covered; more is refused
NESTING_MAX = 32  # of a body's lists and objects; a deeper one is refused
METRICS = "text/plain; version=0.0.4; charset=utf-8"  # the kind that Prometheus reads
WHOM = ("operations", "symbols", "sides", "clients", "client_order_ids")

Asked = Mapping[str, Any]


class NotFound(Exception):
    """There is nothing there."""


class Unavailable(Exception):
    """It can't be done now; nothing was changed."""


class Turn(Enum):
    """Whether a request is carried out in a turn of the venue, or beside it at any time."""

    VENUE = "venue"
    BESIDE = "beside"


class Route(NamedTuple):
    """A row: where, what for, what it takes (name -> JSON schema), and the method that answers.

    `call`: the method of `failing_exchange.Control` that sends it. `read` makes what `answer` needs
    of a long text, `show` makes JSON of a long answer: both beside the venue, which goes on.
    """

    method: str
    path: str
    summary: str
    takes: Mapping[str, Mapping[str, Any]]
    call: str
    answer: Callable[[ControlApi, Asked], Any]
    turn: Turn = Turn.VENUE
    read: Callable[[Asked], Asked] | None = None
    show: Callable[[ControlApi, Any], Any] | None = None

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parts of the path that the row names, or None for another path."""
        found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path), path)
        if found is None or method != self.method:
            return None
        return {name: unquote(part) for name, part in found.groupdict().items()}


class Job(NamedTuple):
    """A request that was read and checked."""

    route: Route
    asked: Asked

    @property
    def changes(self) -> bool:
        """Whether it changes the venue."""
        return self.route.method != "GET"


class ControlApi:
    """Carries out what the operator asks of a venue.

    `job`, `carry_out` and `show` raise NotFound, Unavailable, ConfigurationError or `Reject` for
    what can't be done; the text says why, and what is expected. Only `carry_out` touches the venue.
    """

    def __init__(self, venue: VenueServer) -> None:
        self.venue = venue
        self.exchange = venue.exchange
        self.asked: dict[str, Asking] = {}  # bots of other processes, by account
        self.view = view_of(venue.exchange.venue)
        self.metrics = Metrics(venue)
        self.done: deque[Incident] = deque(maxlen=DONE_KEPT_MAX)  # incidents by hand

    def answer(self, method: str, path: str, asked: Asked) -> Any:
        """What a request is answered, as JSON can hold it."""
        job = self.job(method, path, asked)
        return self.show(job, self.carry_out(job))

    def job(self, method: str, path: str, asked: Asked) -> Job:
        """Read and check a request."""
        for route in ROUTES:
            named = route.match(method, path)
            if named is not None:
                _check(route, asked)
                return Job(route, {**(route.read(asked) if route.read else asked), **named})
        raise NotFound(f"{method} {shown(path)}: no such request; GET /openapi.json lists them")

    def carry_out(self, job: Job) -> Any:
        """Do it, in a turn of the venue where it needs one."""
        durable = self.exchange.venue.durable
        if job.changes and durable is not None and durable.commits.halted:
            raise Unavailable(f"the journal can't be written ({durable.commits.status})")
        return job.route.answer(self, job.asked)

    def show(self, job: Job, found: Any) -> Any:
        """The answer as JSON can hold it."""
        return job.route.show(self, found) if job.route.show else found

    # ---- looking

    def health(self, asked: Asked) -> Any:
        """Whether the venue is sound; it only reads attributes."""
        venue = self.exchange.venue
        found: dict[str, Any] = {"ok": is_sound(venue), "rules": len(venue.plan.rules)}
        if venue.durable is not None:
            found["journal"] = venue.durable.commits.status
        return found

    def clock(self, asked: Asked) -> Any:
        """The venue's time."""
        clock = self.exchange.venue.clock
        at = clock.now()
        iso, ms = dict(instant("iso", at)).values()
        return {"iso": iso, "ms": ms, "ns": str(at), "virtual": clock.is_virtual}

    def faults(self, asked: Asked) -> Any:
        """The catalogue."""
        return schemas.catalogue()

    def rules(self, asked: Asked) -> Any:
        """What is armed."""
        return [self._rule(rule) for rule in self.exchange.armed]

    def statistics(self, asked: Asked) -> Any:
        """What has struck."""
        return self.exchange.get_failure_statistics()

    def metrics_text(self, asked: Asked) -> str:
        """Numbers for Prometheus."""
        if not is_installed():
            raise Unavailable(MISSING)
        return self.metrics.text()

    def show_metrics(self, text: str) -> Reply:
        """Prometheus' text format."""
        return Reply(200, text.encode(), kind=METRICS)

    def trips(self, asked: Asked) -> list[Trip]:
        """The journal's tail; with `after` what comes behind that trip."""
        limit = min(_whole(asked, "limit", 100), TRIPS_SHOWN_MAX)
        kept = self.exchange.journal.trips
        if "after" not in asked:
            return list(islice(kept, max(0, len(kept) - limit), None))
        after = _whole(asked, "after", 0)
        return list(islice((trip for trip in kept if trip.number > after), limit))

    def show_rows(self, trips: list[Trip]) -> Any:
        """A row of the page for each."""
        return [row_of(trip, self.exchange.venue.markets) for trip in trips]

    def show_trips(self, trips: list[Trip]) -> Any:
        """Both columns of each."""
        return [self.view.trip(trip) for trip in trips]

    def trip(self, asked: Asked) -> tuple[Trip, str, list[Trip]]:
        """One trip, its explanation, and the trips that may have to do with it."""
        number, kept = _whole(asked, "number", 0), self.exchange.journal.trips
        try:
            found = self.exchange.journal.find(number)
        except ConfigurationError as unknown:
            raise NotFound(str(unknown)) from None
        first = kept[0].number
        around = islice(kept, max(0, number - first - AROUND_MAX), number - first + AROUND_MAX)
        return found, str(self.exchange.explain(number)), list(around)

    def show_trip(self, found: tuple[Trip, str, list[Trip]]) -> Any:
        """The whole story of a trip."""
        trip, explanation, around = found
        markets = self.exchange.venue.markets
        story = self.view.trip(trip) | {"explanation": explanation, "row": row_of(trip, markets)}
        return story | {"related": related(trip, around, markets)}

    def explanation(self, asked: Asked) -> Any:
        """Which rules met a trip, and which decided."""
        return {"text": str(self.exchange.explain(_whole(asked, "number", 0)))}

    def accounts(self, asked: Asked) -> Any:
        """The names of all accounts."""
        return list(self.exchange.venue.accounts)

    def account(self, asked: Asked) -> Any:
        """The truth of the first column: wallets, positions and open orders."""
        try:
            return look_at(self.exchange.venue, str(asked["name"]))
        except KeyError as unknown:
            raise NotFound(unknown.args[0]) from None

    def show_account(self, found: Any) -> Any:
        """Units by asset, positions and orders."""
        return account_view(self.view, found)

    def connections(self, asked: Asked) -> Any:
        """The open WebSocket connections."""
        return [connection.name for connection in self.venue.sockets.connections]

    def verdict(self, asked: Asked) -> Any:
        """What the judge says of an account's client now."""
        return self.view.value(self._judge(asked).verdict(outside=True).as_dict())

    def _judge(self, asked: Asked) -> Judge:
        name, judges = str(asked.get("account", "main")), self.venue.judges
        if name not in judges:
            known = ", ".join(judges) or "nobody: serve with --judge"
            raise NotFound(f"{shown(name)} is not judged; judged are {known}")
        return judges[name]

    # ---- acting

    def intend(self, asked: Asked) -> Any:
        """The bot declares what it wants, once."""
        judge, within = self._judge(asked), asked.get("covered_within")
        symbol, side = asked["symbol"], asked["side"]
        known = self.exchange.venue.markets
        if symbol not in known:
            raise ConfigurationError(f"no market {shown(symbol)}{did_you_mean(symbol, known)}")
        if side not in ("buy", "sell"):
            raise ConfigurationError(f"side = {shown(side)}; expected buy or sell")
        intent = judge.intents.declare(
            symbol, side, _amount(asked["amount"]), self.exchange.venue.clock.now(),
            covered_within=None if within is None else _span("covered_within", within),
        )  # fmt: skip
        return {"intent": intent.number}

    def probe(self, asked: Asked) -> Any:
        """Where the bot can be asked for what it believes."""
        from failing_exchange.server.belief_poller import Asking

        name = str(asked.get("account", "main"))
        if name in self.asked:
            raise ConfigurationError(f"{name!r} is asked at {self.asked[name].shown} already")
        asking = self.asked[name] = Asking(self._judge(asked), asked["url"])
        asking.start()
        return {"url": asking.shown}

    def arm(self, asked: Asked) -> Any:
        """One fault of the catalogue."""
        given = dict(asked)
        kind, name, when = given.pop("kind"), given.pop("name", None), given.pop("when", None)
        whom = {key: given.pop(key) for key in WHOM if key in given}
        fields = given.pop("fields", {})
        clash = [key for key in fields if key in ("when", "name", "fault", *WHOM)]
        if clash:
            raise ConfigurationError(
                f"{clash[0]} is not a field of a fault; it stands beside fields"
            )
        trigger = parse(when) if when is not None else always
        armed = self.exchange.arm(kind, trigger, name=name, **whom, **fields)
        return self._rule(armed.rule)

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
        fields = {name: value for name, value in asked.items() if name != "do"}
        venue = self.exchange.venue
        markets = {symbol: venue.market_of(symbol) for symbol in venue.markets}
        command = command_of(asked["do"], dict(fields), markets)
        venue.operate(command)
        self.done.append((venue.clock.now(), str(asked["do"]), fields))
        return {"done": asked["do"]}

    def heal(self, asked: Asked) -> Any:
        """Health again, of the markets, too."""
        self.exchange.reset()
        venue = self.exchange.venue
        halted = [s for s in venue.markets if venue.market_of(s).status in HALTED]
        for symbol in halted:
            venue.operate(SetMarketStatus(symbol, MarketStatus.TRADING))
        return {"rules": len(self.exchange.armed), "resumed": halted}

    def saved(self, asked: Asked) -> Any:
        """What is armed, and the incidents so far, as a scenario file."""
        return {"toml": scenario_text(self.exchange.armed, self.done)}

    def scenarios(self, asked: Asked) -> Any:
        """The scenarios that come with the package."""
        return _shipped()

    def scenario(self, asked: Asked) -> Any:
        """Faults and incidents of a scenario, from now on; all of it or nothing."""
        found, exchange = asked["found"], self.exchange
        before = list(exchange.venue.plan.rules)
        try:
            found.apply(exchange)
        except Exception:
            for name in list(exchange.venue.plan.rules):
                if name not in before:
                    exchange.disarm(name)
            raise
        return {"scenario": found.name, "rules": len(exchange.armed)}

    def hang_up(self, asked: Asked) -> Any:
        """Break all open WebSocket connections."""
        found = list(self.venue.sockets.connections)
        for connection in found:
            connection.abort()
        return {"broken": len(found)}

    def openapi(self, asked: Asked) -> Any:
        """This table, as an OpenAPI document."""
        return openapi()

    def _rule(self, rule: Any) -> dict[str, Any]:
        return {
            "name": rule.name,
            "kind": kind_of(rule.fault).name,
            "fields": self.view.value(fields_of(rule.fault)),
            "when": str(rule.when),
            **{name: list(getattr(rule.scope, name)) for name in WHOM},
            "met": rule.met,
            "struck": rule.struck,
        }


@cache
def _shipped() -> list[dict[str, str]]:
    names = ("name", "description", "family", "symptom", "behaviour")
    return [{name: getattr(one, name) for name in names} for one in map(load, shipped())]


def _scenario_of(asked: Asked) -> Asked:
    """The scenario that is named, or that is given as text. A name opens no other file."""
    if ("name" in asked) == ("toml" in asked):
        raise ConfigurationError('expected either "name" (a shipped scenario) or "toml"')
    if "toml" in asked:
        return {"found": read(asked["toml"])}
    name, known = asked["name"], shipped()
    if name not in known:
        raise ConfigurationError(
            f"no shipped scenario {shown(name)}{did_you_mean(name, known)}; "
            "the text of another one is given as toml"
        )
    return {"found": load(name)}


TEXT, TEXTS = {"type": "string"}, {"type": ["array", "string"], "items": {"type": "string"}}
WHOLE, NUMBER = {"type": "integer"}, {"type": "number"}
UNITS = {"type": ["number", "string"]}
ROUTES = (
    Route("GET", "/health", "Whether the venue is sound, its journal is written, and it is busy",
          {}, "health", ControlApi.health, Turn.BESIDE),
    Route("GET", "/clock", "The venue's clock, as ISO text, in milliseconds and nanoseconds", {},
          "clock", ControlApi.clock),
    Route("GET", "/faults", "The catalogue of faults", {}, "faults", ControlApi.faults,
          Turn.BESIDE),
    Route("GET", "/rules", "What is armed", {}, "rules", ControlApi.rules),
    Route("POST", "/rules", "Arm a fault of the catalogue",
          {"kind": TEXT, "name": TEXT, "when": TEXT, "fields": {"type": "object"},
           **dict.fromkeys(WHOM, TEXTS)}, "arm", ControlApi.arm),
    Route("DELETE", "/rules", "Disarm everything", {}, "reset", ControlApi.reset),
    Route("DELETE", "/rules/{name}", "Disarm one rule", {}, "disarm", ControlApi.disarm),
    Route("POST", "/modes", "Set the failure mode",
          {"mode": TEXT, "probability": NUMBER, "params": {"type": "object"}},
          "set_failure_mode", ControlApi.set_mode),
    Route("GET", "/statistics", "What has struck, by kind", {}, "statistics",
          ControlApi.statistics),
    Route("GET", "/metrics", "Numbers for Prometheus, as text", {}, "metrics",
          ControlApi.metrics_text, Turn.BESIDE, show=ControlApi.show_metrics),
    Route("GET", "/trips", "The journal's tail, both columns; or what came after a trip",
          {"after": WHOLE, "limit": WHOLE}, "trips", ControlApi.trips, show=ControlApi.show_trips),
    Route("GET", "/rows", "The same as short texts, as the page shows them",
          {"after": WHOLE, "limit": WHOLE}, "rows", ControlApi.trips, show=ControlApi.show_rows),
    Route("GET", "/trips/{number}",
          "The whole story of a trip: both columns, what decided, other trips about its orders", {},
          "trip", ControlApi.trip, show=ControlApi.show_trip),
    Route("GET", "/trips/{number}/explanation", "Which rules met a trip, and which decided", {},
          "explain", ControlApi.explanation),
    Route("POST", "/incidents", "Have the operator do something, as in scenario files",
          {"do": TEXT}, "incident", ControlApi.incident),
    Route("POST", "/scenario", "Load a scenario's faults and incidents, from now on",
          {"name": TEXT, "toml": TEXT}, "scenario", ControlApi.scenario, read=_scenario_of),
    Route("GET", "/scenario", "What is armed, and the incidents by hand, as a scenario file", {},
          "saved_scenario", ControlApi.saved),
    Route("GET", "/scenarios", "The scenarios that come with the package", {}, "scenarios",
          ControlApi.scenarios, Turn.BESIDE),
    Route("POST", "/heal", "Disarm everything, and let halted markets trade again", {}, "heal",
          ControlApi.heal),
    Route("GET", "/accounts", "The names of all accounts", {}, "accounts", ControlApi.accounts),
    Route("GET", "/accounts/{name}",
          "An account in truth: wallets, open orders, positions and conditional orders", {},
          "account", ControlApi.account, show=ControlApi.show_account),
    Route("GET", "/verdict", "What the judge says of a client now (serve --judge)",
          {"account": TEXT}, "verdict", ControlApi.verdict),
    Route("POST", "/intents", "A bot declares what it wants, once",
          {"symbol": TEXT, "side": TEXT, "amount": UNITS, "covered_within": UNITS,
           "account": TEXT}, "intend", ControlApi.intend),
    Route("POST", "/probe", "An address of this machine that says what a bot believes",
          {"url": TEXT, "account": TEXT}, "probe", ControlApi.probe),
    Route("GET", "/connections", "The open WebSocket connections", {}, "connections",
          ControlApi.connections),
    Route("DELETE", "/connections", "Break them all", {}, "hang_up", ControlApi.hang_up),
    Route("GET", "/openapi.json", "This table, with the fields of each fault and incident", {},
          "openapi", ControlApi.openapi, Turn.BESIDE),
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
    "integer": (int, str),  # text in a query
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def _check(route: Route, asked: Asked) -> None:
    """Refuse what the row does not take."""
    for name, value in asked.items():
        schema = route.takes.get(name)
        if schema is None:
            if route.path in FREE:
                continue
            known = ", ".join(route.takes) or "nothing"
            near = did_you_mean(name, route.takes)
            raise ConfigurationError(f"{shown(name)} is unknown here{near}; expected {known}")
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        kinds = tuple(kind for one in types for kind in KINDS[one])
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ConfigurationError(f"{name} = {shown(value)}; expected {' or '.join(types)}")
    if route.method == "POST":
        for name in REQUIRED.get(route.path, ()):
            if name not in asked:
                raise ConfigurationError(f"{name!r} is missing")


def check_nesting(value: Any) -> None:
    """Raise ConfigurationError for a body whose lists and objects are nested too deeply."""
    level, depth = [value], 0
    while level:
        if depth > NESTING_MAX:
            raise ConfigurationError(
                f"the body is nested too deeply; expected at most {NESTING_MAX} levels"
            )
        level = [
            part
            for one in level
            if isinstance(one, (dict, list))
            for part in (one.values() if isinstance(one, dict) else one)
        ]
        depth += 1


def _whole(asked: Asked, name: str, default: int) -> int:
    text = str(asked.get(name, default))
    if not text.isascii() or not text.isdigit() or len(text) > NUMBER_DIGITS_MAX:
        raise ConfigurationError(f"{name} = {shown(text)}; expected a whole number")
    return int(text)


def _amount(value: Any) -> float:
    """Units of an asset, as a number or as decimal text."""
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        amount = 0.0
    if not 0 < amount <= AMOUNT_MAX:
        raise ConfigurationError(
            f"amount = {shown(value)}; expected a number above 0, at most {AMOUNT_MAX:g}"
        )
    return amount


def _span(name: str, value: Any) -> float:
    try:
        seconds = seconds_of(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= COVERED_MAX:
        raise ConfigurationError(
            f"{name} = {shown(value)}; expected {FORMS}, at most {COVERED_MAX} seconds"
        )
    return seconds


def openapi() -> dict[str, Any]:
    """The table of routes as an OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    info = {"title": "failing-exchange control", "version": "2"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _operation(route: Route) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": route.call,
        "parameters": parameters,
        "responses": {"200": {"description": "done"}, "400": {"description": "it says why"}},
    }
    if route.method == "GET":
        parameters += [
            {"name": name, "in": "query", "schema": schema} for name, schema in route.takes.items()
        ]
    elif route.takes:
        schema = {"type": "object", "properties": route.takes,
                  "required": list(REQUIRED.get(route.path, ()))}  # fmt: skip
        schema |= schemas.MORE.get(route.path, dict)()
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation


def table() -> str:
    """The table of routes in Markdown."""
    rows = [
        f"| `{r.method} {r.path}` | `{r.call}` | {r.summary} | {', '.join(r.takes)} |"
        for r in ROUTES
    ]
    head = ["| request | `Control` | what it does | takes |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


__all__ = ["ROUTES", "ControlApi", "NotFound", "Reject", "Route", "Unavailable", "openapi", "table"]
