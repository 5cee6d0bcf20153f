"""Replies that need no trip: to banned addresses, unknown paths and refused WebSockets."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import orjson

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.server.messages import Reply, Request
from failing_exchange.venues.binance_common.connection_query import Given, given
from failing_exchange.venues.binance_common.metering import WORDS, Metering
from failing_exchange.venues.binance_common.refusals import Refusals, retry_after

PATHS_NAMED_MAX = 100  # unknown paths that the log names; those that come later are not named
# As far as a path is named. What follows may be no path at all: a signature behind a forgotten "?".
NAMED = re.compile(r"[A-Za-z0-9/._~-]{0,200}")

logger = logging.getLogger("failing_exchange.http")


class EarlyReplies:
    """Answers requests that the venue refuses before it reads them: no trip is opened."""

    refusals: Refusals

    def __init__(self, metering: Metering) -> None:
        self._metering = metering
        self._named: dict[str, None] = {}

    def banned(self, address: str, at: int) -> Reply | None:
        """What an address is told while it is banned; None when it is not."""
        until = self._metering.banned_until(address, at)
        if until is None:
            return None
        no = self.refusals.said(Reject(Reason.BANNED, "", until=until), "")
        body = orjson.dumps({"code": no.code, "msg": no.text})
        return Reply(no.status, body, (retry_after(until, at),))

    def absent(self, request: Request, at: int) -> Reply:
        """What stands at a path without an endpoint; a ban comes first (rest-api.md, "IP Limits").

        It has no weight: the documents give one to routes only.
        """
        banned = self.banned(request.peer, at)
        if banned is not None:
            return banned
        return self.nothing_at(request)

    def nothing_at(self, request: Request) -> Reply:
        """What an address that is not banned is told of a path without an endpoint."""
        raise NotImplementedError

    def refuse_connection(
        self, request: Request, check: Callable[[Given], Any] | None, at: int
    ) -> Reply | None:
        """Why a client may not open a WebSocket; `check` raises `Reject` for its parameters.

        None for a path at which nothing is spoken.
        """
        banned = self.banned(request.peer, at)
        if banned is not None:
            return banned
        if check is None:
            self.name("WebSocket", request.path)
            return Reply(404, b"")
        full_until = self._metering.connects(request.peer, at)
        if full_until is not None:
            limit, number, unit = self._metering.limits.connects
            text = (
                f"Too many connection attempts from IP; current limit is {limit} per "
                f"'{number} {WORDS[unit][0]}'."
            )
            body = orjson.dumps({"code": self.refusals.codes["TOO_MANY_CONNECTIONS"], "msg": text})
            return Reply(429, body, (retry_after(full_until, at),))
        try:
            check(given(request.query))
        except Reject as refused:  # 400 with a JSON body (faqs/sbe_faq.md, "WebSocket API")
            no = self.refusals.said(refused, "")
            return Reply(400, orjson.dumps({"code": no.code, "msg": no.text}))
        return None

    def name(self, method: str, path: str) -> None:
        """Name an unknown path in the log: each once, without its query, and not too many."""
        found = NAMED.match(path)
        shown = found[0] if found is not None else ""
        called = f"{method} {shown}{'' if shown == path else '…'}"
        if called in self._named or len(self._named) >= PATHS_NAMED_MAX:
            return
        self._named[called] = None
        last = len(self._named) == PATHS_NAMED_MAX
        more = "; further unknown paths are not named" if last else ""
        logger.warning("%s: no such endpoint, answered with 404%s", called, more)
