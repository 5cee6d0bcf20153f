"""Account events on another venue's connection: neutral records, in words of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import pytest

from failing_exchange.feeds.account_feeds import UserStream, UserStreams
from failing_exchange.feeds.account_records import ExecutionReport, Terminated
from failing_exchange.server.api_keys import Keyring
from failing_exchange.server.conversation import (
    Abort,
    Action,
    Conversation,
    Opened,
    Send,
    converse,
)
from failing_exchange.server.venue_server import VenueServer
from failing_exchange.server.websocket_connection import WebSocketRoute
from failing_exchange.venue import venue as running
from failing_exchange.venues.edits import edit
from tests.venues import test_small_venue as small
from tests.venues.small_venue import (
    FIELDS,
    STREAM,
    STREAM_HOST,
    SmallDialect,
    SmallVenue,
    written,
)


def write(record: Any, at: int, markets: Mapping[str, Any], edits: Any) -> Any:
    """Orders and the end; this venue says nothing of balances."""
    if isinstance(record, ExecutionReport):
        event = {"id": record.snapshot.order.id, "state": record.snapshot.status.value}
        return edit(event, edits, FIELDS, written)
    return "over" if isinstance(record, Terminated) else None


class Teller(Conversation):
    """Follows the account "main" on one word, and leaves it on another."""

    def __init__(self, accounts: UserStreams, opened: Opened) -> None:
        self.accounts, self.name, self.do = accounts, opened.name, opened.do
        self.stream = UserStream("main", write, self.say, lambda: opened.do((Abort(),)))

    def heard(self, text: str, at: int) -> Iterable[Action]:
        if text == "follow":
            self.accounts.subscribe(self.stream, self.name)
        else:
            self.accounts.end(self.stream, Terminated(at))
        return ()

    def say(self, event: Any, damage: Any) -> None:
        if event is not None:
            self.do((Send(json.dumps(event).encode(), damage),))


class Telling(SmallVenue):
    """The small venue, with another conversation."""

    def speak(
        self, venue: running.RunningVenue, keys: Keyring, limits: Any = None, **switches: bool
    ) -> SmallDialect:
        dialect = super().speak(venue, keys, limits)
        talk = converse(partial(Teller, UserStreams(venue)))
        dialect.routes[STREAM] = WebSocketRoute(talk)
        return dialect


def test_an_account_is_followed_and_left() -> None:
    """Each record is a push of its own, which faults strike by unified names."""

    async def story(client: small.Client, venue: VenueServer) -> None:
        async with client.session.ws_connect(f"wss://{STREAM_HOST}{STREAM}") as ws:
            await ws.send_str("follow")
            placed = (await small.order(client, venue))["data"]["no"]
            assert await ws.receive_json() == {"id": placed, "state": "open"}
            change: dict[str, Any] = {"field": "status", "value": "closed"}
            with venue.exchange.arm("set_field", operations=("watch_orders",), **change):
                await client.ask("POST", "/v1/orders/cancel", no=placed)
                assert await ws.receive_json() == {"id": placed, "state": "done"}
            await ws.send_str("leave")
            assert await ws.receive_json() == "over"
            await small.order(client, venue)
            with pytest.raises(TimeoutError):
                await ws.receive_json(timeout=1)

    small.on_the_wire(story, Telling())
