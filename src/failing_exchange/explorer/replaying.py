"""Run a token again: the same world, the same faults, the same verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from failing_exchange.explorer import targets
from failing_exchange.explorer.token import Token, other_hash_seed
from failing_exchange.explorer.trial import Outcome, Watch

if TYPE_CHECKING:
    from failing_exchange.judge.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a replay showed. `differences`: what is not as it was when the token was made."""

    token: Token
    outcome: Outcome
    differences: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The verdict; raises InternalError where the run met a bug of ours."""
        from failing_exchange.errors import InternalError

        if self.outcome.verdict is None:
            raise InternalError(self.outcome.error or "the run had no end")
        return self.outcome.verdict

    @property
    def same(self) -> bool:
        """Whether every message is as it was."""
        return bool(self.token.digest) and self.outcome.digest == self.token.digest

    @property
    def broken(self) -> bool:
        """Whether the bot breaks the token's rule again (without one: any rule)."""
        rule = self.token.rule
        return rule in self.outcome.broken if rule else bool(self.outcome.broken)


def replay(
    token: str | Token,
    target: str | None = None,
    *,
    until: int = 0,
    watch: Watch = lambda exchange, notebook: None,
) -> Replay:
    """Run a token again, with the bot it names or another. `until`: stop before that trip.

    `watch` is called before the run, with the exchange and the notebook of a bot that keeps one.

    Raises ConfigurationError for a token that can't be read, or a bot that is not there.

    >>> # replay("fx1.…").verdict.passed
    """
    found = Token.parse(token) if isinstance(token, str) else token
    wanted = targets.load(target or found.target)
    outcome = wanted.run(found.world, options=found.options, digest=True, until=until, watch=watch)
    differences = found.differences(target)
    if found.digest and outcome.digest != found.digest and not until:
        differences += other_hash_seed(found)
    return Replay(token=found, outcome=outcome, differences=differences)
