"""What will break a bot: run it across each dated change of a venue's API, and judge each side."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from failing_exchange.core.units import HOUR_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.runs.bot_loader import find_bot, makes_own_clients
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.runs.process_pool import ignore_interrupts, processes
from failing_exchange.venue.api_changes import ApiTable, Change
from failing_exchange.venues.base import DEFAULT, venue_of

SECONDS = 2.0 * HOUR_S  # of a run: a listen key that can't be renewed is missed within the hour


class ApiRun(NamedTuple):
    """How a bot did with one API. `broken`: the rules it broke, with the first breach each.

    `placed`: orders that were accepted; `error`: why it could not be judged; `again`: the command
    line that makes the run again.
    """

    broken: Mapping[str, str] = {}
    placed: int = 0
    requests: int = 0
    error: str = ""
    again: str = ""


class Crossing(NamedTuple):
    """A bot across one change: with the API before it, when it comes, and with the API after it."""

    change: str
    day: str
    before: ApiRun
    at: ApiRun
    after: ApiRun
    unseen: str = ""  # why a run can't show what the change does to a bot
    was: str = ""  # what a client meets without the change ...
    becomes: str = ""  # ... and with it

    @property
    def words(self) -> str:
        """The result in words: what the change does to the bot."""
        sides = (self.before, self.at, self.after)
        if any(side.error for side in sides):
            return next(side.error for side in sides if side.error)
        news = [self._news(side) for side in (self.at, self.after)]
        for when, found in zip(("when it comes", "after it"), news, strict=True):
            if found:
                both = all(news) and "breaks when it comes and after it"
                return f"{both or f'breaks {when}'}: {found}"
        if self.unseen:
            return f"not judged: {self.unseen}"
        if self.needed:
            return f"needs it: without it {_first(self.before)}"
        return "fails with and without it" if self.before.broken else "passes"

    @property
    def needed(self) -> bool:
        """Whether the bot was written for what the change has brought."""
        return bool(self.before.broken) and not self.after.broken and self.after.placed > 0

    @property
    def again(self) -> str:
        """The command line of a run that shows how the change breaks the bot."""
        return next((side.again for side in (self.at, self.after) if self._news(side)), "")

    @property
    def breaks(self) -> bool:
        """Whether the change breaks the bot."""
        return bool(self._news(self.at) or self._news(self.after))

    def _news(self, side: ApiRun) -> str:
        """What is wrong with a side that was not wrong before the change."""
        if side.error:
            return ""
        new = [f"{rule} ({why})" for rule, why in side.broken.items()
               if rule not in self.before.broken]  # fmt: skip
        if self.before.placed and not side.placed:
            new.append(f"it places no orders ({self.before.placed} before)")
        return "; ".join(new)

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        sides = {name: getattr(self, name)._asdict() for name in ("before", "at", "after")}
        return {"change": self.change, "day": self.day, "was": self.was, "becomes": self.becomes,
                **sides, "breaks": self.breaks, "needed": self.needed,
                "verdict": self.words}  # fmt: skip


def _first(side: ApiRun) -> str:
    """The first rule that a run broke, with the reason."""
    rule, why = next(iter(side.broken.items()))
    return f"{rule} is broken ({why})"


@dataclass(kw_only=True)
class ChangeCard:
    """A bot across all changes of a venue, the oldest first."""

    bot: str
    venue: str
    seconds: float
    crossings: list[Crossing] = field(default_factory=list)
    wanted: int = 0
    interrupted: bool = False
    broken_off: str = ""  # why it ended early, if not by Ctrl-C

    @property
    def clean(self) -> bool:
        """Whether no change breaks the bot."""
        return not any(one.breaks for one in self.crossings)

    @property
    def judged(self) -> bool:
        """Whether any run could be judged."""
        return any(not side.error for one in self.crossings for side in one[2:5])

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "kind": "changes",
            "bot": self.bot,
            "venue": self.venue,
            "seconds": self.seconds,
            "changes": [one.as_dict() for one in self.crossings],
            "wanted": self.wanted,
            "interrupted": self.interrupted,
            "broken_off": self.broken_off,
        }


def make(bot: str, *, venue: str = "", seconds: float = SECONDS, jobs: int = 0) -> ChangeCard:
    """Run a bot across each change of a venue's API, several runs side by side.

    Each change has three runs without faults: with the API before it, with the change in the middle
    of the run, and with the API after it. Ctrl-C, and a bot that ends its process, leave what there
    is until then.

    Raises ConfigurationError for a bot that does not speak to a venue, or one without changes.
    """
    name = venue or DEFAULT
    table = _table(bot, name)
    card = ChangeCard(bot=bot, venue=name, seconds=seconds, wanted=len(table.changes))
    config = RunConfig(bot=bot, venue=venue, duration=seconds)
    try:
        with processes(jobs, _prepare) as pool:
            for crossing in _crossings(pool, config, table):
                card.crossings.append(crossing)
    except KeyboardInterrupt:
        card.interrupted = True
    except BrokenProcessPool:
        card.broken_off = "the bot ended its process"
    return card


def _prepare() -> None:
    """In each process: what one of some forty runs logs would not say which of them it was."""
    ignore_interrupts()
    logging.getLogger("failing_exchange").setLevel(logging.ERROR)


def _table(bot: str, venue: str) -> ApiTable:
    """The changes of the venue that a bot reaches."""
    found = venue_of(venue)
    if not makes_own_clients(find_bot(bot)):
        raise ConfigurationError(
            f"--changes: {bot} takes a client of ours, which speaks no venue's protocol; let it "
            "make its own"
        )
    if found.changes is None:
        raise ConfigurationError(f"--changes: {venue} has no table of changes")
    return found.changes


def day_before(change: Change) -> str:
    """The last day without a change."""
    return (date.fromisoformat(change.day) - timedelta(days=1)).isoformat()


def _crossings(pool: ProcessPoolExecutor, config: RunConfig, table: ApiTable) -> Iterator[Crossing]:
    """Run the bot with each API, then across each change.

    Where an older change has broken the bot, the changes after it are brought into the last API
    with which it kept all rules, each alone: a bot that is mended for one has to meet the next.
    """
    changes = table.changes
    days = list(dict.fromkeys([day_before(changes[0]), *(one.day for one in changes)]))
    whole = {day: pool.submit(run_side, config, day, "") for day in days}
    found = {day: one.result() for day, one in whole.items()}
    asked = []
    for change in changes:
        before = max(day for day in days if day < change.day)
        good = [day for day in days if day < change.day and not found[day].broken]
        base = good[-1] if good else before
        at = pool.submit(run_side, config, base, change.name)
        alone = base != before
        after = pool.submit(run_side, config, base, f"{change.name}@0.001") if alone else None
        asked.append((change, found[base], at, after))
    for change, was, at, after in asked:
        since = found[change.day] if after is None else after.result()
        yield Crossing(
            change.name, change.day, was, at.result(), since, change.unseen, change.before,
            change.after,
        )  # fmt: skip


def run_side(config: RunConfig, day: str, change: str) -> ApiRun:
    """Run a bot with the API of a day, without faults; `change` as for `RunConfig`."""
    wanted = RunConfig(
        bot=config.bot, venue=config.venue, duration=config.duration, as_of=day, change=change,
        modes=(), rate_limit=0, calm=0.0,
    )  # fmt: skip
    report = run(wanted)
    verdict, again = report.verdict, report.config.again()
    if verdict is None or report.stopped:
        return ApiRun(error=report.stopped or "the run has no verdict", again=again)
    return ApiRun(verdict.broken, verdict.placed, verdict.requests, "", again)


def show(card: ChangeCard) -> None:
    """Print a row for each change, what changes where one breaks the bot, and the result."""
    from failing_exchange.report.text import console, table

    made = table("from", "change", "before", "when it comes", "after", "verdict")
    for one in card.crossings:
        sides = [_mark(side) for side in (one.before, one.at, one.after)]
        made.add_row(one.day, one.change, *sides, _short(one))
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    out = console()
    out.print(made)
    for one in card.crossings:
        if one.words not in ("passes", "fails with and without it"):
            out.print("\n".join(_explained(one)), soft_wrap=True, markup=False, highlight=False)
    for line in _results(card):
        out.print(line, soft_wrap=True, markup=False)


def _short(one: Crossing) -> str:
    """The verdict in a cell; the reasons stand below the table."""
    return one.words.split(":", 1)[0]


def _explained(one: Crossing) -> Iterator[str]:
    """What changed, what it does to the bot, and how to see it again."""
    yield f"{one.change}, from {one.day}"
    yield f"  without it: {one.was}"
    yield f"  with it:    {one.becomes}"
    yield f"  the bot:    {one.words}"
    if one.again:
        yield f"  again:      {one.again}"
    yield ""


def _results(card: ChangeCard) -> Iterator[str]:
    """The result in a line or two."""
    done, all_of = len(card.crossings), card.wanted
    if card.interrupted or card.broken_off:
        why = card.broken_off or "interrupted"
        yield f"{card.bot}: {why}, after {done} of {all_of} changes of {card.venue}."
    broken = [one.change for one in card.crossings if one.breaks]
    needed = [one.change for one in card.crossings if one.needed]
    if broken:
        breaks = "breaks" if len(broken) == 1 else "break"
        yield f"{len(broken)} of {done} changes {breaks} {card.bot}: {', '.join(broken)}."
    elif done:
        yield f"None of {done} changes of {card.venue} breaks {card.bot}."
    if needed:
        yield f"It needs {', '.join(needed)}: it can't run with an older API."


def _mark(side: ApiRun) -> str:
    if side.error:
        return "[yellow]not judged[/]"
    return "[red]fails[/]" if side.broken else "[green]passes[/]"
