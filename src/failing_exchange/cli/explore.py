"""`failing-exchange explore` and `replay`: on the command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from failing_exchange.cli.options import add_own_code, hours, seconds
from failing_exchange.core.units import HOUR_S
from failing_exchange.text.output_file import check_file, check_folder, write_file

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from failing_exchange.explorer.findings import Finding, Group, Spot
    from failing_exchange.explorer.replay_token import Replay
    from failing_exchange.explorer.search import Exploration

OUTPUTS = {"output": check_file, "junit": check_file, "tests": check_folder,
           "corpus": check_folder}  # fmt: skip
FINDINGS_SHOWN_MAX = 50  # places on the terminal; the rest is in the output file
CAUSES_SHOWN_MAX = 6  # of a place, besides the first; the rest is counted
WITHOUT = "Without any fault, on a calm day:"
COLUMNS_SHOWN = 8  # trips of a replay, on the terminal


def add_parser(commands: Any) -> None:
    """The command `explore`."""
    explore = commands.add_parser(
        "explore",
        help="judge a bot in thousands of seeded worlds; the smallest that breaks it",
        description="Each seed draws a world: which faults there are, how often they strike, "
        "latency, limits, restarts. The bot lives in it in virtual time and is judged. What breaks "
        "is made as small as it can be.",
    )
    add = explore.add_argument
    add("target", help="path.py:function, module:function, or a pytest test id")
    add("--seeds", type=int, default=1_000, help="how many worlds (default 1000)")
    add("--first-seed", type=int, default=0, help="the first one (default 0)")
    add("--hours", type=hours, default=1.0, help="virtual hours in each, or 30m, 2d (default 1)")
    add("--venue", metavar="NAME", help="the venue that a bot without the parameter `exchange` "
        "reaches by its production names (default binance)")  # fmt: skip
    add_own_code(explore)
    add("--jobs", type=int, metavar="N", help="processes (default: one a processor)")
    add("--time", type=seconds, metavar="SECONDS", help="stop after so much real time (or 10m, 1h)")
    add("--first", action="store_true", help="stop at the first failure")
    add("--quick", action="store_true", help="make only the finding to mend first small")
    add("--shard", default="1/1", metavar="i/n", help="only the i-th of n shares of the seeds")
    add("--corpus", type=Path, metavar="DIR", help="tokens of known failures: tried first, kept")
    add("--tests", type=Path, metavar="DIR", help="write a test file for each finding")
    add("--output", type=Path, metavar="FILE", help="write all of it as JSON")
    add("--junit", type=Path, metavar="FILE", help="write findings as JUnit XML")
    add("--dask", metavar="ADDRESS", help="run on a Dask cluster (needs the extra `dask`)")
    explore.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Explore, show, write."""
    from failing_exchange.explorer.junit import junit
    from failing_exchange.explorer.regression_test import write_tests
    from failing_exchange.explorer.search import Options, explore, shard_of

    _check(options)
    wanted = Options(
        target=options.target,
        seeds=options.seeds,
        first_seed=options.first_seed,
        seconds=options.hours * HOUR_S,
        jobs=options.jobs or 0,
        wall_s=options.time,
        stop_at_first=options.first,
        quick=options.quick,
        shard=shard_of(options.shard),
        corpus=options.corpus,
        rules={name: {} for name in options.rule or ()},
        faults=tuple(options.fault or ()),
    )
    with _progress(_seeds_of(wanted)) as tell, _executor(options.dask) as executor:
        found = explore(wanted, executor=executor, tell=tell)
    _show(found)
    if options.tests is not None:
        write_tests(found, options.tests)
    if options.output is not None:
        write_file(options.output, json.dumps(found.as_dict(), indent=1) + "\n")
    if options.junit is not None:
        write_file(options.junit, junit(found))
    return _exit_code(found)


def _exit_code(found: Exploration) -> int:
    if found.interrupted:
        return INTERRUPTED
    if len(found.findings):
        return FINDINGS
    return COULD_NOT_RUN if found.errors_seen or not found.requests else CLEAN


def _seeds_of(options: Any) -> int:
    """How many seeds this share has."""
    number, shards = options.shard
    return len(range(number - 1, options.seeds, shards))


def _check(options: argparse.Namespace) -> None:
    """Before anything runs: do the numbers make sense, can the files be written?"""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.explorer import targets
    from failing_exchange.runs.user_code import check_rules

    for name, least in (("seeds", 1), ("jobs", 1), ("first_seed", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise ConfigurationError(
                f"--{name.replace('_', '-')} {value}: expected at least {least}"
            )
    if not 0 < options.hours <= 8_784:
        raise ConfigurationError(f"--hours {options.hours:g}: expected above 0, at most a year")
    if options.time is not None and not options.time > 0:
        raise ConfigurationError(f"--time {options.time:g}: expected seconds above 0")
    for name, check in OUTPUTS.items():
        if getattr(options, name) is not None:
            check(f"--{name}", getattr(options, name))
    check_rules(options.rule or ())
    target = targets.load(options.target)
    if options.venue and not target.venue:
        raise ConfigurationError(
            f"--venue {options.venue}: {options.target} takes a client of ours; let it make its "
            "own, or leave --venue out"
        )


@contextmanager
def _executor(address: str | None) -> Iterator[Executor | None]:
    if address is None:
        yield None
        return
    from failing_exchange.explorer.dask_executor import dask

    with dask(address) as executor:
        yield executor


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar with findings as they come, and what is being made small."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("exploring", total=total)
        told: dict[Spot, None] = {}

        def tell(found: Exploration, finding: Finding | None) -> None:
            bar.update(task, completed=min(found.trials, total), description=_doing(found))
            if finding is not None and finding.cause.spot not in told:
                told[finding.cause.spot] = None
                console.print(
                    f"found: {finding.sentence}", markup=False, highlight=False, soft_wrap=True
                )

        yield tell


def _doing(found: Exploration) -> str:
    """What an exploration does now: which causes it makes small, else what it has found."""
    now = dict(found.making_small)  # a copy: the threads that make findings small change it
    under_way = sorted(now.items(), key=lambda one: -one[1])
    if not under_way:
        return f"{len(found.findings)} causes, {found.failed} worlds failed"
    (name, runs), more = under_way[0], len(under_way) - 1
    others = f" and {more} more" if more else ""
    return f"making small: {name} ({runs} runs){others}"


def _show(found: Exploration) -> None:
    from failing_exchange.explorer.findings import grouped

    speed = found.trials / found.seconds if found.seconds else 0.0
    print(
        f"{found.trials:,} worlds, {found.simulated_hours:,.4g} simulated hours in "
        f"{found.seconds:.1f} s ({speed:.3g} a second); {found.ended}."
    )
    for line in found.errors[:3]:
        print(f"could not run: {line}")
    if found.errors_seen > 3:
        print(f"could not run: {found.errors_seen - 3} more")
    groups = grouped(found.findings)
    print(_in_short(found, groups))
    for rule, why in found.unjudged.items():
        if found.requests and not found.judged.get(rule):
            print(f"  not judged: {rule}: {why}")
    _show_groups(found, [one for one in groups if one.is_baseline], WITHOUT)
    _show_groups(found, [one for one in groups if not one.is_baseline], "")
    if len(groups) > FINDINGS_SHOWN_MAX:
        print(f"\nand {len(groups) - FINDINGS_SHOWN_MAX} more: see --output")


def _in_short(found: Exploration, groups: Sequence[Group]) -> str:
    """What it comes to, in a line."""
    ran = found.trials - found.errors_seen
    if ran <= 0:
        return "Nothing was judged: no world could be run."
    if not found.requests:
        return "Nothing was judged: your bot sent no request in any world."
    judged = sum(1 for times in found.judged.values() if times)
    of = f"of {judged} rules that could be judged"
    if not groups:
        return f"None {of} was broken in {ran:,} world{'' if ran == 1 else 's'}."
    broken = dict.fromkeys(rule for one in found.findings for rule in (one.cause.rule, *one.also))
    places, were = len(groups), "was" if len(broken) == 1 else "were"
    return (
        f"{len(broken)} {of} {were} broken, at {places} place{'' if places == 1 else 's'} "
        f"(causes: {len(found.findings)})."
    )


def _show_groups(found: Exploration, groups: Sequence[Group], title: str) -> None:
    if groups and title:
        print(f"\n{title}")
    for group in groups[:FINDINGS_SHOWN_MAX]:
        _show_group(group, _often(group, found))


def _often(group: Group, found: Exploration) -> str:
    """In how many of the worlds it was seen. Those without faults were run besides the trials."""
    calm = (group.worlds & found.calm_bits).bit_count()
    if not calm:
        return f"{group.times} of {found.trials:,} worlds"
    return f"{group.times} of {found.trials + found.calm:,} worlds, {calm} of them without faults"


def _show_group(group: Group, often: str) -> None:
    """The smallest example; the group's other causes are folded into a line."""
    first, others = group.first, group.causes[1:]
    also = f" (and breaks {', '.join(first.also)})" if first.also else ""
    money = f"; {group.money:,.2f} USDT at risk" if group.money else ""
    print(f"\n{first.sentence}{money}{also}.")
    for line in (
        first.example.summary.traceback if group.spot.rule == "alive" else ""
    ).splitlines():
        print(f"  | {line}")
    print(f"  where: {first.cause.place or 'not known'}; {often}")
    print(f"  cause: {first.cause}")
    if others:
        shown = [f"{one.cause.faults} ({one.times})" for one in others[:CAUSES_SHOWN_MAX]]
        more = len(others) - len(shown)
        print(f"  also by: {', '.join(shown)}{f' and {more} more' if more else ''}")
    print(f"  replay: failing-exchange replay {first.token}")


# ---- replay


def replay(token: str, target: str | None, until: int, results: Path | None = None) -> int:
    """Run a token again and show the verdict, with both columns around the failure.

    `results`: a file for all of it, of which `report` makes a page.
    """
    from failing_exchange.explorer.replay_token import replay as run_again
    from failing_exchange.explorer.token import Token

    wanted = Token.parse(token)
    if elsewhere := wanted.outside(target):
        print(f"note: this runs {elsewhere}, outside the working directory", flush=True)
    if results is not None:
        check_file("--output", results)
    found = run_again(wanted, target, until=until)
    for difference in found.differences:
        print(f"note: {difference}")
    _show_replay(found, until)
    if results is not None:
        write_file(results, json.dumps(found.as_dict(), indent=1) + "\n")
        print(f"Results are in {results}; as a page: failing-exchange report {results}")
    return FINDINGS if found.broken else CLEAN


def _show_replay(found: Replay, until: int) -> None:
    from rich.console import Console

    from failing_exchange.report.text import trip_table

    console = Console()
    result = found.result
    assert result.exchange is not None
    trips = [trip for trip in result.trips if not until or trip.number < until]
    first = found.verdict.first
    if until:
        shown = trips[-COLUMNS_SHOWN:]
    else:
        named = set() if first is None else set(first.trips)
        shown = [trip for trip in trips if trip.number in named or trip.struck][:COLUMNS_SHOWN]
    console.print(trip_table(shown, result.exchange.venue.markets))
    if until:
        print(f"stopped before trip {until}, {len(trips)} trips were made")
        return
    console.print(str(found.verdict), markup=False, highlight=False, soft_wrap=True)
    if found.token.digest:
        print(
            "Every message is as it was when the token was made."
            if found.same
            else "The run differs from the one that the token was made of."
        )
