"""Listen keys of USD-M: an account has one, so that requests need not name it.

"Start", "Keepalive" and "Close User Data Stream", REST and WebSocket API, 2026-08-19.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.core.commands import SessionCommand
from failing_exchange.venues.binance_common.call import Endpoint, Reading, Security, Writing
from failing_exchange.venues.binance_common.listen_keys import ListenKeys
from failing_exchange.venues.binance_common.refusals import refuse

PATH = "/fapi/v1/listenKey"


class FuturesListenKeys(ListenKeys):
    """The listen keys of a venue."""

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What the REST API has for them: all need a key, and no signature."""
        return {
            http: Endpoint(
                http=http, socket=socket, operation="session", takes="listenKey", read=read,
                write=_as_it_is, security=Security.USER_STREAM, key_only=True,
            )
            for http, socket, read in (
                (f"POST {PATH}", "userDataStream.start", self._start),
                (f"PUT {PATH}", "userDataStream.ping", self._ping),
                (f"DELETE {PATH}", "userDataStream.stop", self._stop),
            )
        }  # fmt: skip

    def _start(self, r: Reading) -> SessionCommand:
        return SessionCommand(r.account, lambda at: self.start(r.account, at))

    def _ping(self, r: Reading) -> SessionCommand:
        return SessionCommand(r.account, lambda at: self._keep_alive(r.account, at))

    def _keep_alive(self, account: str, at: int) -> dict[str, str]:
        known = self.of(account, at)
        if known is None:
            refuse("INVALID_LISTEN_KEY", "This listenKey does not exist.")
        self.extend(known, at)
        return {"listenKey": known.name}

    def _stop(self, r: Reading) -> SessionCommand:
        """Closing does nothing where the account has no key."""

        def run(at: int) -> dict[str, Any]:
            known = self.of(r.account, at)
            return {} if known is None else self.close(known)

        return SessionCommand(r.account, run)


def _as_it_is(w: Writing, told: Any) -> Any:
    return told
