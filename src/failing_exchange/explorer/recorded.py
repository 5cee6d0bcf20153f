"""What a replay leaves behind: its results as a file, of which `report` makes a page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from failing_exchange.report.recorder import Recorder

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.explorer.replaying import Replay
    from failing_exchange.runs.bots import Notebook


class Recorded:
    """Records the run of a token. The messages are the same with it and without."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None

    def watch(self, exchange: FailingExchange, notebook: Notebook | None) -> None:
        """From the start of the venue on."""
        self.recorder = Recorder(exchange.venue)
        if notebook is not None:
            self.recorder.believed = notebook.holds
        exchange.venue.on_start.append(self.recorder.attach)

    def text(self, found: Replay) -> str:
        """All of it as JSON."""
        return json.dumps(self._as_dict(found), indent=1) + "\n"

    def _as_dict(self, found: Replay) -> dict[str, Any]:
        world, verdict = found.outcome.world, found.verdict
        assert self.recorder is not None
        return {
            "kind": "replay",
            "config": {"bot": found.token.target, "seed": world.seed},
            "seconds": world.seconds,
            "again": f"failing-exchange replay {found.token}",
            "same": found.same,
            "differences": found.differences,
            "headline": verdict.headline(),
            "verdict": verdict.as_dict(),
            "recording": self.recorder.recording(found.verdict),
        }
