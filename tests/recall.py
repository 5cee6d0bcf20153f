"""What the explorer finds: bots with one known bug each, and the careful ones they are made from.

    python tests/recall.py [--worlds 300] [--bots NAME ...] [--quick] [--json FILE]

A row for each flawed bot: the world that showed its bug first, and how many faults were left after
shrinking. Then the careful bots: what was found there is a false alarm. The bots cover the rows of
the catalogue's invariants, I1 to I14; a bug counts as found by a rule that a scenario names for it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from failing_exchange.explorer.search import Exploration, Options, explore
from failing_exchange.judge.catalogue import RULES
from failing_exchange.runs.bots.flawed import CAREFUL
from failing_exchange.runs.bots.flawed.kinds import KINDS
from failing_exchange.scenarios.scenario import load, shipped

WORLDS = 300
SAMPLE = (  # a bot for each invariant, and the kinds
    *KINDS, "replaces-what-the-list-lacks", "knows-five-statuses", "sends-again-at-once",
    "retries-every-refusal", "infers-fills", "falls-back-on-old-price", "never-reconnects",
    "hard-codes-the-rules", "never-sets-its-clock", "never-looks-at-its-stop",
    "sells-what-it-bought", "trades-on-with-dead-key",
)  # fmt: skip


class Row(NamedTuple):
    """What became of one bot. `world`: of its first example, from 1; 0: it was not found."""

    bot: str
    rules: tuple[str, ...]
    invariants: tuple[str, ...]
    worlds: int
    world: int
    times: int  # worlds that showed it
    faults: int | None  # after shrinking
    seconds: float

    @property
    def text(self) -> str:
        """The row as it is printed."""
        found = f"world {self.world}, {self.times} in all" if self.world else "not found"
        faults = "" if self.faults is None else str(self.faults)
        names = " ".join(self.invariants)
        return f"{self.bot:34} {names:8} {found:26} {faults:>6} {self.seconds:8.1f}"


def expected() -> dict[str, tuple[str, ...]]:
    """The rules that each flawed bot is known to break, by its scenarios."""
    found: dict[str, dict[str, None]] = {bot: {rule: None} for bot, rule in KINDS.items()}
    for name in shipped():
        expect = load(name).expect
        if "harms" in expect:
            found.setdefault(expect["harms"], {}).update(dict.fromkeys(expect["harms_breaks"]))
    return {bot: tuple(rules) for bot, rules in found.items()}


def look(bot: str, worlds: int, *, quick: bool = True) -> tuple[Exploration, float]:
    """Explore a bot; and how long that took. `quick`: only the worst finding is made small."""
    began = time.perf_counter()
    found = explore(Options(target=bot, seeds=worlds, quick=quick))
    if found.errors:
        raise SystemExit(f"{bot}: {found.errors[0]}")
    return found, time.perf_counter() - began


def measure(bot: str, rules: tuple[str, ...], worlds: int, *, quick: bool = False) -> Row:
    """Whether a flawed bot is found out."""
    explored, seconds = look(bot, worlds, quick=quick)
    hits = [one for one in explored.findings if {one.cause.rule, *one.also} & set(rules)]
    shown, smallest = 0, [one.example.faults for one in hits if one.is_settled]
    for one in hits:
        shown |= one.worlds
    first = min((one.seed + 1 for one in hits), default=0)
    invariants = tuple(dict.fromkeys(RULES[rule].invariant for rule in rules))
    faults = min(smallest, default=None)
    return Row(bot, rules, invariants, worlds, first, shown.bit_count(), faults, seconds)


def alarms(bot: str, worlds: int) -> Iterator[str]:
    """What is found in a careful bot."""
    for one in look(bot, worlds)[0].findings:
        yield f"{one.cause}: {one.sentence}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, default=WORLDS, help="for each bot")
    parser.add_argument("--no-twins", action="store_true", help="leave out the careful bots")
    parser.add_argument("--bots", nargs="*", help=f"those of a sample: {', '.join(SAMPLE)}; or all")
    parser.add_argument("--quick", action="store_true", help="make only the worst finding small")
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    options = parser.parse_args()
    known = expected()
    names = list(known) if options.bots == ["all"] else options.bots or list(SAMPLE)
    for name in names:
        if name not in known:
            parser.error(f"--bots {name}: expected one of {', '.join(known)}")
    print(f"{'bot':34} {'breaks':8} {f'within {options.worlds} worlds':26} faults  seconds")
    rows = []
    for name in names:
        rows.append(measure(name, known[name], options.worlds, quick=options.quick))
        print(rows[-1].text, flush=True)
    careful = () if options.no_twins else (*CAREFUL, "careful")
    twins = {bot: list(alarms(bot, options.worlds)) for bot in careful}
    found = sum(bool(row.world) for row in rows)
    print(f"{found} of {len(rows)} found; careful bots accused: {sum(map(bool, twins.values()))}")
    for bot, texts in twins.items():
        print(f"{bot:34} false alarms: {len(texts)}", *texts, sep="\n  ")
    if options.json:
        write(options.json, rows, twins)


def write(path: Path, rows: list[Row], twins: dict[str, list[str]]) -> None:
    """All of it as JSON."""
    table: dict[str, Any] = {"rows": [row._asdict() for row in rows], "false_alarms": twins}
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
