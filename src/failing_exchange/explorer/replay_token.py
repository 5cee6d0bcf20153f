"""Run a token again: the same world, the same faults, the same verdict."""

from __future__ import annotations

import os
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.explorer import targets
from failing_exchange.explorer.token import Token, other_hash_seed
from failing_exchange.explorer.trial import RunRequest, TrialResult
from failing_exchange.runs.bot_environment import BotEnvironment
from failing_exchange.runs.bot_process import recorded

if TYPE_CHECKING:
    from failing_exchange.judge.verdict import Verdict
    from failing_exchange.report.recorder import Recorder


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a replay showed. `differences`: what is not as it was when the token was made."""

    token: Token
    result: TrialResult
    recorder: Recorder
    differences: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The verdict; raises InternalError where the run met a bug of ours."""
        from failing_exchange.errors import InternalError

        if self.result.verdict is None:
            raise InternalError(self.result.error or "the run had no end")
        return self.result.verdict

    @property
    def same(self) -> bool:
        """Whether every message is as it was."""
        return bool(self.token.digest) and self.result.digest == self.token.digest

    @property
    def broken(self) -> bool:
        """Whether the bot breaks the token's rule again (without one: any rule)."""
        rule = self.token.rule
        return rule in self.result.broken if rule else bool(self.result.broken)

    def as_dict(self) -> dict[str, Any]:
        """The results as JSON, of which `report` makes a page."""
        verdict = self.verdict
        return {
            "kind": "replay",
            "config": {"bot": self.token.target, "seed": self.result.world.seed},
            "seconds": self.result.world.seconds,
            "again": f"failing-exchange replay {self.token}",
            "same": self.same,
            "differences": self.differences,
            "headline": verdict.headline(),
            "verdict": verdict.as_dict(),
            "recording": self.recorder.recording(verdict),
        }


def replay(
    token: str | Token,
    target: str | None = None,
    *,
    until: int = 0,
    folder: str | Path = ".",
    keep_files: str | Path = "",
) -> Replay:
    """Run a token again, with the bot that it names or another; `until`: stop before that trip.

    `keep_files`: a folder for what the bot writes, where its world has files.

    `folder`: the working directory of the run, in which the relative names of files in the token
    begin: of the bot, the venue, the rules and the faults.

    Raises:
        ConfigurationError: the token can't be read, or there is no such bot.

    >>> from failing_exchange.explorer.world import World
    >>> token = Token(target="careful", world=World(seed=7, seconds=60.0))
    >>> replay(token).verdict.passed
    True
    """
    found = Token.parse(token) if isinstance(token, str) else token
    keep = os.path.abspath(keep_files) if keep_files else ""
    with chdir(folder):
        return _replay(found, target, until, keep)


def _replay(found: Token, target: str | None, until: int, keep_files: str) -> Replay:
    BotEnvironment(found.world.env, found.world.files, keep_files).check()
    wanted = targets.load(target or found.target)
    recorders: list[Recorder] = []
    result = wanted.run(
        RunRequest(
            world=found.world,
            rule_options=found.options,
            digest=True,
            until=until,
            keep_files=keep_files,
            watch=lambda exchange, notebook: recorders.append(recorded(exchange, notebook)),
        )
    )
    differences = found.differences(target)
    if found.digest and result.digest != found.digest and not until:
        differences += other_hash_seed(found)
    return Replay(token=found, result=result, recorder=recorders[0], differences=differences)
