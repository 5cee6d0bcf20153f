"""The verdict on a bot: what each rule says, and what the run cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from failing_exchange.conduct.rule import Breach, Outcome, Result, Severity


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a judge says at the end of a run.

    `money`: USDT lost or at risk: the largest sum that one rule found, for rules see the same
    money from several sides. `recovery_s`: from the last fault until a request succeeded and no
    fill was unknown to the bot (None: never, or there was no fault). `amplification`: requests for
    each that was not a repetition. `exposure`: by symbol, what was filled without the bot's being
    told: the worst moment in USDT and in units of the base asset, the seconds, and what is left.
    `wrong_s`: for how long it was not told all of its orders: that one exists, a fill, an end.
    """

    account: str
    results: tuple[Result, ...]
    at: int
    money: float = 0.0
    faults: int = 0
    last_fault_at: int = 0
    recovery_s: float | None = None
    requests: int = 0
    requests_in_ban: int = 0
    amplification: float = 1.0
    orphans: int = 0
    exposure: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    wrong_s: float = 0.0
    crashed: str | None = None

    @property
    def outcome(self) -> Outcome:
        """FAIL if any rule failed, else PASS if any passed."""
        outcomes = [result.outcome for result in self.results]
        if Outcome.FAIL in outcomes:
            return Outcome.FAIL
        return Outcome.PASS if Outcome.PASS in outcomes else Outcome.NOT_JUDGED

    @property
    def passed(self) -> bool:
        """Whether no rule failed."""
        return self.outcome is not Outcome.FAIL

    @property
    def failures(self) -> tuple[Result, ...]:
        """The rules that failed, the gravest first."""
        failed = [result for result in self.results if result.outcome is Outcome.FAIL]
        grave = list(Severity)
        return tuple(sorted(failed, key=lambda r: (grave.index(r.severity), -r.money)))

    @property
    def first(self) -> Breach | None:
        """The breach to show first: of the gravest rule."""
        return next((result.breaches[0] for result in self.failures if result.breaches), None)

    def result(self, rule: str) -> Result:
        """What one rule says; KeyError for one that did not judge."""
        for result in self.results:
            if result.rule == rule:
                return result
        raise KeyError(rule)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        first = self.first
        if first is None:
            judged = sum(result.outcome is Outcome.PASS for result in self.results)
            if not judged:
                return "Nothing could be judged."
            return f"The bot keeps {judged} of {judged} rules that could be judged."
        money = f"; {self.money:,.2f} USDT are lost or at risk" if self.money else ""
        times = self.failures[0].times - 1
        more = f" (and {times:,} more like it)" if times else ""
        return f"The bot {first.text}{more}{money}."

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        found: dict[str, Any] = {
            name: value for name, value in vars(self).items() if name != "results"
        }
        found["outcome"] = str(self.outcome)
        found["sentence"] = self.sentence
        found["results"] = [
            {
                **result._asdict(),
                "outcome": str(result.outcome),
                "severity": str(result.severity),
                "breaches": [breach._asdict() for breach in result.breaches],
            }
            for result in self.results
        ]
        return found

    def __str__(self) -> str:
        lines = [self.sentence]
        for result in self.results:
            more = f" ({result.times}x)" if result.times > 1 else ""
            lines.append(f"  {result.outcome:<10}  {result.rule:<13}  {result.why}{more}")
        return "\n".join(lines)
