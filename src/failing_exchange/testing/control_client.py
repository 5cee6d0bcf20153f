"""A small client of the control API, for test suites of any kind: no loop, no dependency."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.files import reason

TIMEOUT = 10.0  # seconds until a request gives up


class Control:
    """The operator's side of a served venue.

    `url` is the control API's (`serve --control PORT`), `token` its token, where it has one.

    >>> import asyncio
    >>> from failing_exchange import Binance, FailingExchange
    >>> from failing_exchange.server.control_server import ControlServer
    >>> async def main():
    ...     venue = Binance(FailingExchange(latency=None))
    ...     port = await venue.listen("127.0.0.1", 0)
    ...     server = ControlServer(venue)
    ...     control = Control(f"http://127.0.0.1:{await server.listen('127.0.0.1', 0)}")
    ...     rule = await asyncio.to_thread(
    ...         control.arm, "lose_answer", "nth(1)", operations=["create_order"]
    ...     )
    ...     await server.close()
    ...     await venue.close()
    ...     return rule["when"]
    >>> asyncio.run(main())
    'nth(1)'

    Each call raises ConfigurationError with the reason if it is refused, and ConnectionError
    if nothing answers at the URL.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._opener = build_opener(ProxyHandler({}))

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send any request of the control API (see GET /openapi.json)."""
        headers = {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        asked = Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with self._opener.open(asked, timeout=TIMEOUT) as response:
                if response.headers.get_content_type() == "text/plain":
                    return response.read().decode()
                return json.load(response)
        except HTTPError as error:
            text = _told(error.read())
            raise ConfigurationError(f"{method} {path}: {error.code} {text}") from error
        except URLError as error:
            raise ConnectionError(f"{self.url} does not answer: {reason(error.reason)}") from error

    def health(self) -> Any:
        """Whether the venue works: `ok`, `rules` that are armed, `busy`, and `journal`, which is
        "written", or says why it can't be: "full", "gone", "locked", "broken", "given up"."""
        return self.request("GET", "/health")

    def clock(self) -> int:
        """The venue's clock, in nanoseconds since the epoch."""
        return int(self.request("GET", "/clock")["ns"])

    def openapi(self) -> Any:
        """All requests as an OpenAPI document, with the fields of each fault and incident."""
        return self.request("GET", "/openapi.json")

    def arm(
        self, kind: str, when: str | None = None, *, name: str | None = None, **options: Any
    ) -> Any:
        """Arm a fault. `when` is a trigger as text; operations, symbols, sides, clients and
        client_order_ids say whom it concerns; anything else is a field of the fault."""
        whom = {key: options.pop(key) for key in WHOM if key in options}
        given = {"kind": kind, "when": when, "name": name, "fields": options, **whom}
        body = {key: value for key, value in given.items() if value not in (None, {})}
        return self.request("POST", "/rules", body)

    def disarm(self, name: str) -> None:
        """Remove an armed rule by its name."""
        self.request("DELETE", f"/rules/{quote(name, safe='')}")

    def reset(self) -> None:
        """Disarm all rules and failure modes."""
        self.request("DELETE", "/rules")

    def rules(self) -> Any:
        """The rules that are armed, as JSON."""
        return self.request("GET", "/rules")

    def set_failure_mode(
        self, mode: str, probability: float = 1.0, params: dict[str, Any] | None = None
    ) -> None:
        """Replace all failure modes by this one."""
        body = {"mode": mode, "probability": probability, "params": params or {}}
        self.request("POST", "/modes", body)

    def statistics(self) -> Any:
        """The number of strikes, by kind of fault."""
        return self.request("GET", "/statistics")

    def metrics(self) -> str:
        """Numbers about the venue, in Prometheus' text format; needs the extra `metrics` there."""
        return str(self.request("GET", "/metrics"))

    def faults(self) -> Any:
        """The catalogue: each fault's sentence, fields, and whom it strikes."""
        return self.request("GET", "/faults")

    def trips(self, after: int | None = None, limit: int = 100) -> Any:
        """The end of the journal, both columns; with `after`, the trips after that number.

        Amounts and prices are decimal text; `at` is ISO 8601 in UTC, `at_ms` the same in ms.
        """
        behind = "" if after is None else f"after={after}&"
        return self.request("GET", f"/trips?{behind}limit={limit}")

    def rows(self, after: int | None = None, limit: int = 100) -> Any:
        """The same trips as short texts: `asked`, `happened`, `told`, and whether it `differs`."""
        behind = "" if after is None else f"after={after}&"
        return self.request("GET", f"/rows?{behind}limit={limit}")

    def trip(self, number: int) -> Any:
        """One trip with both columns, its `explanation`, and in `related` other trips before and
        after it that concern the same orders; `knew` says where the client was told of one."""
        return self.request("GET", f"/trips/{number}")

    def explain(self, number: int) -> str:
        """Which rules met a trip, and which decided."""
        return str(self.request("GET", f"/trips/{number}/explanation")["text"])

    def incident(self, do: str, **fields: Any) -> None:
        """Have the operator do something, as in scenario files.

        >>> control.incident("halt", symbol="BTC/USDT", seconds="10m")  # doctest: +SKIP
        """
        self.request("POST", "/incidents", {"do": do, **fields})

    def scenario(self, *, name: str | None = None, toml: str | None = None) -> None:
        """Load faults and incidents of a shipped scenario (`name`) or of TOML text, from now on."""
        given = {"name": name, "toml": toml}
        self.request("POST", "/scenario", {k: v for k, v in given.items() if v is not None})

    def scenarios(self) -> Any:
        """The scenarios that come with the package: `name`, `description`, `family` and so on."""
        return self.request("GET", "/scenarios")

    def saved_scenario(self) -> str:
        """What is armed, and the incidents that were caused by hand, as a scenario file (TOML)."""
        return str(self.request("GET", "/scenario")["toml"])

    def maintenance(
        self, seconds: float | str, *, after: float | str = 0, message: str | None = None
    ) -> Any:
        """Have the venue refuse every request for some time, from now on or `after` a while."""
        given = {"seconds": seconds, "after": after or None, "message": message}
        body = {name: value for name, value in given.items() if value is not None}
        return self.request("POST", "/maintenance", body)

    def heal(self) -> Any:
        """Disarm everything, lift bans and limits, and end what still goes on.

        That is maintenance, halts, moved mark prices, and incidents that are planned for later.
        What has happened stays: orders, balances, moved prices.
        """
        return self.request("POST", "/heal")

    def accounts(self) -> Any:
        """The names of all accounts."""
        return self.request("GET", "/accounts")

    def account(self, name: str = "main", limit: int = 0) -> Any:
        """What an account really has: `balances` (spot), `open_orders`, `futures` (its wallet and
        modes), `positions` and `conditional_orders`; of both kinds of orders only the newest
        `limit` (0: all).
        """
        return self.request("GET", f"/accounts/{quote(name, safe='')}?limit={limit}")

    def market(self, symbol: str, seconds: int = 60, since: int = 0) -> Any:
        """A market in truth: `candles` of `seconds` each ([epoch second, open, high, low, close,
        volume]; the last 500, or from `since` on), `book`, `ticker`, `funding` of a contract, and
        open `orders` of all clients.
        """
        asked = f"symbol={quote(symbol, safe='')}&seconds={seconds}&since={since}"
        return self.request("GET", f"/market?{asked}")

    def marks(self, symbol: str, after: int = 0) -> Any:
        """What clients, faults and the operator did in a market: `marks`, and the number of the
        `last` one, to ask for later ones with `after`.
        """
        return self.request("GET", f"/marks?symbol={quote(symbol, safe='')}&after={after}")

    def limits(self) -> Any:
        """What is used of the venue's limits: by address weight and requests, by account orders."""
        return self.request("GET", "/limits")

    def beliefs(self, account: str = "main") -> Any:
        """What a client believes (`positions`, `balances`, `open_orders`) beside what is true, and
        the orders of which it was `untold`; the venue is served with `--judge`.
        """
        return self.request("GET", f"/beliefs?account={quote(account, safe='')}")

    def verdict(self, account: str = "main") -> Any:
        """What the judge says of an account's client now; the venue is served with `--judge`."""
        return self.request("GET", f"/verdict?account={quote(account, safe='')}")

    def intend(self, symbol: str, side: str, amount: float | str, **more: Any) -> None:
        """Declare what the bot wants, once; `covered_within` (seconds, or "10m"), `account`."""
        body = {"symbol": symbol, "side": side, "amount": amount, **more}
        self.request("POST", "/intents", body)

    def probe(self, url: str, account: str = "main") -> None:
        """Where the bot can be asked for what it believes: an address of this machine."""
        self.request("POST", "/probe", {"url": url, "account": account})

    def connections(self) -> Any:
        """The names of the open WebSocket connections; a feed's `clients`."""
        return self.request("GET", "/connections")

    def hang_up(self) -> int:
        """Break all open WebSocket connections; how many there were."""
        return int(self.request("DELETE", "/connections")["broken"])


def _told(body: bytes) -> str:
    """Why a request was refused; the whole body of an answer that is none of ours."""
    text = body.decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text


WHOM = ("operations", "symbols", "sides", "clients", "client_order_ids")
