"""The control API's requests, without I/O: what can be asked of a served venue, a row each."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.market import TRADING
from failing_exchange.core.venue_commands import CallOff
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import fields_of, kind_of
from failing_exchange.faults.triggers import always, parse
from failing_exchange.judge.believed import ComparedBeliefs, beliefs_of
from failing_exchange.observe.metrics import MISSING, Metrics, is_installed, is_sound
from failing_exchange.page.copied_test import copied_test
from failing_exchange.page.rows import row_of
from failing_exchange.page.story import related
from failing_exchange.scenarios.saved import Incident, scenario_text
from failing_exchange.scenarios.scenario import load, read, shipped, summaries
from failing_exchange.server import control_schemas as schemas
from failing_exchange.server.control_route import (
    NUMBER,
    TEXT,
    TEXTS,
    UNITS,
    WHOLE,
    Asked,
    Job,
    NotFound,
    Route,
    Turn,
    Unavailable,
    amount_of,
    check,
    openapi,
    span_of,
    whole_of,
)
from failing_exchange.server.market_look import (
    CANDLES,
    MarketLook,
    look_at_market,
    market_named,
    market_view,
    marks_of,
)
from failing_exchange.server.messages import Reply
from failing_exchange.server.sent_bytes import response_of
from failing_exchange.server.sent_frames import SentFrame, SentFrames, frames_view
from failing_exchange.text.spelling import did_you_mean, shown
from failing_exchange.venue.account_truth import account_view, look_at, view_of
from failing_exchange.venue.operator_incidents import command_of, locked
from failing_exchange.venue.plain_view import instant

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.judge.judge import Judge
    from failing_exchange.server.belief_poller import Asking
    from failing_exchange.server.venue_server import VenueServer

TRIPS_SHOWN_MAX = 1_000  # of one answer; ask again with `after` for more
DONE_KEPT_MAX = 1_000  # incidents by hand that can be saved; the oldest are forgotten
AROUND_MAX = 2_000  # trips before and after one that are searched for others about its orders
METRICS = "text/plain; version=0.0.4; charset=utf-8"  # the kind that Prometheus reads
WHOM = ("operations", "symbols", "sides", "clients", "client_order_ids")


class Story(NamedTuple):
    """A trip, which rules decided, the response that was sent, and the trips around it."""

    trip: Trip
    explanation: str
    response: dict[str, Any] | None
    frames: list[SentFrame]
    around: list[Trip]


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
        self.marks = marks_of(venue.exchange.venue)
        self.frames = SentFrames()
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
                check(route, asked)
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
        limit = min(whole_of(asked, "limit", 100), TRIPS_SHOWN_MAX)
        kept = self.exchange.journal.trips
        if "after" not in asked:
            return list(islice(kept, max(0, len(kept) - limit), None))
        after = whole_of(asked, "after", 0)
        return list(islice((trip for trip in kept if trip.number > after), limit))

    def show_rows(self, trips: list[Trip]) -> Any:
        """A row of the page for each."""
        return [row_of(trip, self.exchange.venue.markets) for trip in trips]

    def show_trips(self, trips: list[Trip]) -> Any:
        """Both columns of each."""
        return [self.view.trip(trip) for trip in trips]

    def trip(self, asked: Asked) -> Story:
        """One trip, and what its story is made of."""
        number, kept = whole_of(asked, "number", 0), self.exchange.journal.trips
        try:
            found = self.exchange.journal.find(number)
        except ConfigurationError as unknown:
            raise NotFound(str(unknown)) from None
        at = number - kept[0].number
        around = list(islice(kept, max(0, at - AROUND_MAX), at + AROUND_MAX))
        response = response_of(self.venue, found)
        frames = self.frames.of(number)
        return Story(found, str(self.exchange.explain(number)), response, frames, around)

    def show_trip(self, found: Story) -> Any:
        """The whole story of a trip."""
        trip, markets = found.trip, self.exchange.venue.markets
        return self.view.trip(trip) | {
            "row": row_of(trip, markets),
            "explanation": found.explanation,
            "response": found.response,
            "frames": frames_view(found.frames),
            "related": related(trip, found.around, markets),
            "test": copied_test(trip, markets),
        }

    def explanation(self, asked: Asked) -> Any:
        """Which rules met a trip, and which decided."""
        return {"text": str(self.exchange.explain(whole_of(asked, "number", 0)))}

    def accounts(self, asked: Asked) -> Any:
        """The names of all accounts."""
        return list(self.exchange.venue.accounts)

    def account(self, asked: Asked) -> Any:
        """The truth of the first column: wallets, positions and open orders."""
        limit = whole_of(asked, "limit", 0) or None
        try:
            return look_at(self.exchange.venue, str(asked["name"]), limit)
        except ConfigurationError as unknown:
            raise NotFound(str(unknown)) from None

    def show_account(self, found: Any) -> Any:
        """Units by asset, positions and orders."""
        return account_view(self.view, found)

    def market(self, asked: Asked) -> MarketLook:
        """One market, as a chart needs it."""
        symbol = market_named(self.exchange.venue, str(asked.get("symbol", "")))
        frame, since = whole_of(asked, "seconds", CANDLES), whole_of(asked, "since", 0)
        return look_at_market(self.exchange.venue, symbol, frame, since)

    def show_market(self, found: MarketLook) -> Any:
        """In units."""
        return market_view(self.view, found)

    def marked(self, asked: Asked) -> Any:
        """What a chart of a market marks."""
        symbol = market_named(self.exchange.venue, str(asked.get("symbol", "")))
        return self.marks.look(symbol, whole_of(asked, "after", 0))

    def beliefs(self, asked: Asked) -> ComparedBeliefs:
        """What a judged bot believes, and what is true."""
        return beliefs_of(self._judge(asked))

    def show_beliefs(self, found: ComparedBeliefs) -> Any:
        """As JSON can hold it."""
        return self.view.value(found)

    def limits(self, asked: Asked) -> Any:
        """What is used of the venue's limits, by product."""
        at = self.exchange.venue.clock.now()
        return [
            {
                "product": product.speaker.title,
                **{name: value for name, value in one._asdict().items() if name != "until"},
                **dict(instant("banned_until", one.until or 0)),
            }
            for product in self.venue.products.all
            for one in product.dialect.limits.used(at)
        ]

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
            symbol, side, amount_of(asked["amount"]), self.exchange.venue.clock.now(),
            covered_within=None if within is None else span_of("covered_within", within),
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

    def maintenance(self, asked: Asked) -> Any:
        """The incident of this name, answered with when it begins and ends."""
        self.incident({"do": "maintenance", **asked})
        window = self.exchange.venue.maintenance.windows[-1]
        end = window.start + window.duration
        return {**dict(instant("from", window.start)), **dict(instant("until", end))}

    def heal(self, asked: Asked) -> Any:
        """Health again, of the markets, too."""
        venue = self.exchange.venue
        begun = [] if not venue.maintenance.windows else [{"do": "end_maintenance"}]
        halted = [s for s in venue.markets if venue.market_of(s).status is not TRADING]
        agenda = venue.gateway.engine.state.agenda
        ahead = sum(item.planned for item in agenda)
        if ahead:
            venue.operate(CallOff())
        state = venue.gateway.engine.state
        moved = [ms.market.symbol for ms in state.contracts if ms.mark_shift]
        for one in (
            *begun,
            *({"do": "resume", "symbol": symbol} for symbol in halted),
            *({"do": "move_mark", "symbol": symbol, "percent": 0} for symbol in moved),
            *locked(state),
        ):
            self.incident(one)
        self.exchange.reset()
        return {"rules": len(self.exchange.armed), "resumed": halted, "called_off": ahead}

    def saved(self, asked: Asked) -> Any:
        """What is armed, and the incidents so far, as a scenario file."""
        return {"toml": scenario_text(self.exchange.armed, self.done)}

    def scenarios(self, asked: Asked) -> Any:
        """The scenarios that come with the package."""
        return summaries()

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
        many = len(self.venue.sockets.connections)
        self.incident({"do": "cut_connections"})
        return {"broken": many}

    def openapi(self, asked: Asked) -> Any:
        """This table, as an OpenAPI document."""
        return openapi(ROUTES)

    def _rule(self, rule: Any) -> dict[str, Any]:
        return {
            "name": rule.name,
            "label": rule.label or rule.name,
            "kind": kind_of(rule.fault).name,
            "fields": self.view.value(fields_of(rule.fault)),
            "when": str(rule.when),
            **{name: list(getattr(rule.scope, name)) for name in WHOM},
            "met": rule.met,
            "struck": rule.struck,
        }


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
    Route("POST", "/maintenance", "Refuse every request for some time, now or later",
          {"seconds": UNITS, "after": UNITS, "message": TEXT}, "maintenance",
          ControlApi.maintenance),
    Route("POST", "/heal", "Disarm everything, and let halted markets trade again", {}, "heal",
          ControlApi.heal),
    Route("GET", "/market",
          "A market in truth: candles (the last ones, or from an epoch second on), book, funding, "
          "open orders", {"symbol": TEXT, "seconds": WHOLE, "since": WHOLE}, "market",
          ControlApi.market, show=ControlApi.show_market),
    Route("GET", "/marks",
          "What clients, faults and the operator did in a market, behind a mark that was the last",
          {"symbol": TEXT, "after": WHOLE}, "marks", ControlApi.marked),
    Route("GET", "/limits", "What is used of the venue's limits, and who is banned", {}, "limits",
          ControlApi.limits),
    Route("GET", "/accounts", "The names of all accounts", {}, "accounts", ControlApi.accounts),
    Route("GET", "/accounts/{name}",
          "An account in truth: wallets, open orders, positions and conditional orders",
          {"limit": WHOLE}, "account", ControlApi.account, show=ControlApi.show_account),
    Route("GET", "/beliefs",
          "What a client believes beside what is true, and what it was not told (serve --judge)",
          {"account": TEXT}, "beliefs", ControlApi.beliefs, show=ControlApi.show_beliefs),
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
