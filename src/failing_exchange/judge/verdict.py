"""The verdict on a bot: what each rule says, and what the run cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from failing_exchange.judge.holdings import Holding
from failing_exchange.judge.rule import Breach, Outcome, Result, Severity


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a judge says at the end of a run.

    `money` is the headline: USDT lost or at risk. It is the largest of the sums that each money
    rule found (rules see the same money from several sides) and of `wrong`. `wrong`: by how many
    USDT the bot was wrong at the end about what it had gained by trading (None: what it believes is
    not known); `holdings`: the same by asset, in units. `intended`, `lost`: intents that the bot
    declared, and those of them without an accepted order. `placed`: orders that were accepted.

    `recovery_s`: from the last fault until a request succeeded and no
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
    placed: int = 0
    intended: int | None = None
    lost: int | None = None
    holdings: Mapping[str, Holding] | None = None
    wrong: float | None = None
    crashed: str | None = None
    traceback: str = ""  # of the bot's own code, where it crashed

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
    def clean(self) -> bool:
        """Whether no rule failed, and the bot is not wrong about what it holds at the end."""
        return self.passed and not self.wrong

    @property
    def duplicated(self) -> int | None:
        """How many intents were executed more than once, as the rule `once` has found; or None."""
        found = next((result for result in self.results if result.rule == "once"), None)
        return None if found is None or found.outcome is Outcome.NOT_JUDGED else found.times

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
    def judged(self) -> int:
        """How many rules could be judged; 0: the verdict says nothing, neither good nor bad."""
        return sum(result.outcome is not Outcome.NOT_JUDGED for result in self.results)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        first = self.first
        if first is not None:
            money = f"; {self.money:,.2f} USDT are lost or at risk" if self.money else ""
            times = self.failures[0].times - 1
            more = f" (and {times:,} more like it)" if times else ""
            wrong = f"; at the end it is wrong about {self.wrong:,.2f} USDT" if self.wrong else ""
            return f"The bot {first.text}{more}{money}{'' if first.rule == 'converges' else wrong}."
        if self.wrong:
            return f"{self._wrong()}{self._unsure()}."
        judged = self.judged
        if not judged:
            return "Nothing could be judged."
        return f"The bot keeps {judged} of {judged} rules that could be judged."

    def _wrong(self) -> str:
        """By how much the bot is wrong at the end, and about what."""
        assets = [
            f"believes {one.believed:+.8g} {asset} and has {one.true:+.8g}"
            for asset, one in (self.holdings or {}).items()
            if one.difference
        ]
        return f"At the end the bot is wrong about {self.wrong:,.2f} USDT: it {', '.join(assets)}"

    def _unsure(self) -> str:
        """Why the rule that compares beliefs has not failed."""
        found = next((result for result in self.results if result.rule == "converges"), None)
        if found is None or found.outcome is not Outcome.NOT_JUDGED:
            return ""
        return f" (`converges` could not judge it: {found.why})"

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        found: dict[str, Any] = {
            name: value for name, value in vars(self).items() if name != "results"
        }
        if self.holdings is not None:
            found["holdings"] = {asset: one._asdict() for asset, one in self.holdings.items()}
        found["outcome"] = str(self.outcome)
        found["clean"] = self.clean
        found["duplicated"] = self.duplicated
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
        lines = [self.sentence, *self.traceback.splitlines()]
        for result in self.results:
            more = f" ({result.times}x)" if result.times > 1 else ""
            lines.append(f"  {result.outcome:<10}  {result.rule:<13}  {result.why}{more}")
        return "\n".join(lines)
