"""The verdict on a bot: what each rule found, and what the run cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from failing_exchange.judge.catalogue import RULES
from failing_exchange.judge.holdings import Holding
from failing_exchange.judge.products import USDT
from failing_exchange.judge.rule import Breach, Outcome, Result, Severity

WRONG = "wrong at the end"  # stands for a rule in `Verdict.broken`
MONEY_MEANS = (
    "lost or at risk: the largest of the sums that each money rule found, of what the bot is "
    "wrong about at the end, and of what it was never told of"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge says at the end of a run. Sums of money are in `currency`.

    `money` is the headline: what was lost or is at risk. It is the largest of the sums that each
    money rule found (rules see the same money from several sides), of `wrong` and of `untold`.
    `wrong`: by how much the bot was wrong at the end about what it had gained by trading (None:
    what it believes is not known); `holdings`: the same by asset, in units. `untold`: what its
    orders traded and it was never told of, where what it believes is not known. `intended`, `lost`:
    intents that the bot declared, and those of them without an accepted order. `placed`: orders
    that were accepted.

    `recovery_s`: from the last fault until a request succeeded and no
    fill was unknown to the bot (None: never, or there was no fault). `amplification`: requests for
    each that was not a repetition. `exposure`: by symbol, what was filled without the bot's being
    told: the most in money and in units of the base asset, the seconds, and what is left.
    `wrong_s`: for how long it was not told all of its orders: that one exists, a fill, an end.

    >>> verdict = Verdict(account="main", results=(), at=0)
    >>> verdict.passed, verdict.judged, verdict.sentence
    (True, 0, 'Nothing could be judged.')
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
    untold: float = 0.0
    crashed: str | None = None
    traceback: str = ""  # of the bot's own code, where it crashed
    currency: str = USDT

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
    def broken(self) -> dict[str, str]:
        """What is not clean, in words: by failed rule, and by `WRONG` where no rule says it."""
        broken = {result.rule: result.why for result in self.failures}
        if self.wrong and "converges" not in broken:
            broken[WRONG] = f"is wrong about {self.money_text(self.wrong)} at the end"
        return broken

    @property
    def duplicated(self) -> int | None:
        """How many intents were executed more than once; None where `once` could not judge."""
        found = self._found("once")
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
        """What one rule found. Raises KeyError for a rule that was not asked."""
        found = self._found(rule)
        if found is None:
            raise KeyError(rule)
        return found

    @property
    def judged(self) -> int:
        """How many rules could be judged; 0: the verdict says nothing, neither good nor bad."""
        return sum(result.outcome is not Outcome.NOT_JUDGED for result in self.results)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        first = self.first
        if first is not None:
            money = f"; {self.money_text(self.money)} are lost or at risk" if self.money else ""
            times = self.failures[0].times - 1
            more = f" (and {times:,} more like it)" if times else ""
            wrong = f"; at the end it is wrong about {self.money_text(self.wrong or 0.0)}"
            also = wrong if self.wrong and first.rule != "converges" else ""
            return f"The bot {first.text}{more}{money}{also}."
        if self.wrong:
            return f"{self._wrong(self.wrong)}{self._unsure()}."
        judged = self.judged
        if not judged:
            return "Nothing could be judged."
        return f"The bot keeps {judged} of {judged} rules that could be judged{self.untold_text}."

    @property
    def untold_text(self) -> str:
        """What it was never told of, as the end of a sentence; empty where that is nothing."""
        if not self.untold:
            return ""
        return f"; its orders traded {self.money_text(self.untold)} that it was never told of"

    def money_text(self, sum_: float) -> str:
        """A sum of money with its currency.

        >>> Verdict(account="main", results=(), at=0).money_text(1234.5)
        '1,234.50 USDT'
        """
        return f"{sum_:,.2f} {self.currency}"

    def headline(self) -> dict[str, Any]:
        """The first line of everything that shows a run, and its one sum of money."""
        return {
            "sentence": self.sentence,
            "clean": self.clean,
            "money": self.money,
            "currency": self.currency,
            "means": f"{self.currency} {MONEY_MEANS}",
        }

    def _found(self, rule: str) -> Result | None:
        return next((result for result in self.results if result.rule == rule), None)

    def _wrong(self, sum_: float) -> str:
        """By how much the bot is wrong at the end, and about what."""
        assets = [
            f"believes {one.believed:+.8g} {asset} and has {one.true:+.8g}"
            for asset, one in (self.holdings or {}).items()
            if one.difference
        ]
        return f"At the end the bot is wrong about {self.money_text(sum_)}: it {', '.join(assets)}"

    def _unsure(self) -> str:
        """Why the rule that compares beliefs has not failed."""
        found = self._found("converges")
        if found is None or found.outcome is not Outcome.NOT_JUDGED:
            return ""
        return f" (`converges` could not judge it: {found.why})"

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it; `currency` is there where it is not USDT."""
        names = [name for name in self.__slots__ if name != "results"]
        found = {name: getattr(self, name) for name in names}
        if self.currency == USDT:
            del found["currency"]
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

    @property
    def rule_width(self) -> int:
        """The columns that the longest name takes, of all rules that ship and those of a user."""
        return max(map(len, (*RULES, *(result.rule for result in self.results))))

    def text(self, *, reasons: bool = False) -> str:
        """The verdict and what each rule found, a line each; rules that could not judge share one.

        `reasons`: say for each of these why it could not judge.

        >>> print(Verdict(account="main", results=(), at=0).text())
        Nothing could be judged.
        """
        lines = [self.sentence, *self.traceback.splitlines()]
        for result in self.results:
            if reasons or result.outcome is not Outcome.NOT_JUDGED:
                more = f" ({result.times}x)" if result.times > 1 else ""
                lines.append(self._row(result.outcome, result.rule, f"{result.why}{more}"))
        names = self.unjudged
        if names and not reasons:
            count = f"{len(names)} rule{'' if len(names) == 1 else 's'}"
            lines.append(self._row(Outcome.NOT_JUDGED, count, ", ".join(names)))
        return "\n".join(lines)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """The rules that could not judge the run."""
        return tuple(r.rule for r in self.results if r.outcome is Outcome.NOT_JUDGED)

    def _row(self, outcome: Outcome, rule: str, why: str) -> str:
        return f"  {outcome:<10}  {rule:<{self.rule_width}}  {why}"

    def __str__(self) -> str:
        return self.text()
