"""What Spot answers at paths where it has no endpoint."""

from __future__ import annotations

from failing_exchange.server.http_response import html_page
from failing_exchange.server.messages import Reply, Request
from failing_exchange.venues.binance.codes import REFUSALS
from failing_exchange.venues.binance.places import SIMULATED
from failing_exchange.venues.binance_common.early_replies import EarlyReplies

NOT_FOUND = Reply(404, b"")  # below /api, as seen in production, 2025 and 2026
# Of what other documents describe. Our own words: production has something there.
NOT_HERE = Reply(404, b'{"code":-1000,"msg":"Not found. %s."}' % SIMULATED.encode())
# CHANGELOG.md, 2026-01-21; status and body as seen since 2026-02-20
REMOVED = ("/api/v3/userDataStream", "/api/v1/userDataStream")
GONE = Reply(410, html_page(410), kind="text/html")


class SpotEarlyReplies(EarlyReplies):
    """Answers requests that are refused before they are read."""

    refusals = REFUSALS
    removed: tuple[str, ...] = REMOVED

    def nothing_at(self, request: Request) -> Reply:
        """410 for what was removed, or 404."""
        if request.path in self.removed:
            return GONE
        self.name(request.method, request.path)
        return NOT_FOUND if request.path.startswith("/api/") else NOT_HERE
