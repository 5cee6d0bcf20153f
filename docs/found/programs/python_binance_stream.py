"""python-binance's threaded manager: orders by Client, fills and balances by the user socket.

As its README and its page on WebSockets show. The account is read by REST at the start, and again
when the manager tells of an error; after that the manager connects again by itself.
"""

from __future__ import annotations

import time
from typing import Any

from binance import Client, ThreadedWebsocketManager
from binance.exceptions import BinanceAPIException, BinanceRequestException
from requests import RequestException

from failing_exchange import probe

FAILED = (BinanceAPIException, BinanceRequestException, RequestException)
SYMBOL = "BTCUSDT"
ENDED = ("FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH")

balances: dict[str, float] = {}
open_orders: dict[str, float] = {}  # client order id: when it was sent
stale = True  # whether the account has to be read


def heard(message: dict[str, Any]) -> None:
    """Keep the books by what the user socket tells."""
    global stale
    if message["e"] == "error":
        stale = True
    elif message["e"] == "outboundAccountPosition":
        balances.update({one["a"]: float(one["f"]) + float(one["l"]) for one in message["B"]})
    elif message["e"] == "executionReport" and message["X"] in ENDED:
        open_orders.pop(message["C"], None)
        open_orders.pop(message["c"], None)


def read_account(client: Any) -> None:
    """Take balances and open orders from REST."""
    global stale
    stale = False
    for one in client.get_account()["balances"]:
        balances[one["asset"]] = float(one["free"]) + float(one["locked"])
    alive = {one["clientOrderId"] for one in client.get_open_orders(symbol=SYMBOL)}
    for name in set(open_orders) - alive:
        del open_orders[name]


def cancel(client: Any, name: str) -> None:
    """Cancel an order; one that is over already is over."""
    try:
        client.cancel_order(symbol=SYMBOL, origClientOrderId=name)
    except BinanceAPIException as error:
        if error.code != -2011 or client.get_order(
            symbol=SYMBOL, origClientOrderId=name
        )["status"] not in ENDED:  # fmt: skip
            raise
        open_orders.pop(name, None)


def turn(client: Any) -> None:
    """Cancel what waits too long; else buy or sell at the best price."""
    if stale:
        read_account(client)
    for name, sent in list(open_orders.items()):
        if time.time() - sent > 40:
            cancel(client, name)
    if open_orders:
        return
    best = client.get_orderbook_ticker(symbol=SYMBOL)
    sells = balances.get("BTC", 0) >= 0.5
    name = f"turn-{time.time_ns() // 1_000_000}"
    open_orders[name] = time.time()
    client.create_order(
        symbol=SYMBOL, side="SELL" if sells else "BUY", type="LIMIT", timeInForce="GTC",
        quantity="0.01", price=best["askPrice" if sells else "bidPrice"], newClientOrderId=name,
    )  # fmt: skip


def started() -> Any:
    """The client, with the user socket open, as soon as the venue answers."""
    while True:
        try:
            client = Client("key", "secret")
            break
        except FAILED:
            time.sleep(30)
    manager = ThreadedWebsocketManager("key", "secret")
    manager.start()
    manager.start_user_socket(callback=heard)
    time.sleep(5)
    return client


def main() -> None:
    """A turn each 20 seconds."""
    global stale
    client = started()
    while True:
        try:
            turn(client)
        except FAILED:
            stale = True
            time.sleep(10)
        time.sleep(20)


if __name__ == "__main__":
    probe(balances=lambda: balances, open_orders=lambda: list(open_orders))
    main()
