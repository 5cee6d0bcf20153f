"""The command `explore`: judge a bot in thousands of seeded worlds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from failing_exchange.cli.json_output import add_json, finish
from failing_exchange.cli.judging import add_judging, add_verbose, rules_chosen
from failing_exchange.cli.options import (
    AS_OF,
    VENUE_OF_BOT,
    add_environment,
    add_fault,
    add_program,
    day,
    hours,
    seconds,
    shard,
    whole,
)
from failing_exchange.core.units import HOUR_S
from failing_exchange.text.files import append_file, check_file, check_folder, write_file
from failing_exchange.text.results import write_results

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from failing_exchange.explorer.findings import Finding, Group, Spot
    from failing_exchange.explorer.search import Exploration

TARGET = (
    "path.py:function, module:function, a script, or a pytest test id; what stands behind -- are "
    "its arguments"
)
OUTPUTS = {"output": check_file, "junit": check_file, "summary": check_file, "tests": check_folder,
           "corpus": check_folder}  # fmt: skip
FINDINGS_SHOWN_MAX = 50  # groups on the terminal; the rest is in the output file
CAUSES_SHOWN_MAX = 6  # of a group, besides the first; the rest is counted
WITHOUT = "Without any fault, on a calm day:"


def add_parser(commands: Any) -> None:
    """Add `explore` to the command line."""
    explore = commands.add_parser(
        "explore",
        help="judge a bot in thousands of worlds; shrink what breaks it",
        description="Each seed draws a world: its faults and how often they strike, latency, "
        "limits, restarts. The bot runs in it in virtual time and is judged. Each failure is then "
        "shrunk to the smallest world that still shows it.",
    )
    _add_options(explore)
    explore.set_defaults(command=explore_command, judges=True)


def _add_options(explore: Any) -> None:
    """What is explored, how long and where, and how it is judged."""
    add = explore.add_argument
    add_program(explore, "target", TARGET)
    add("--seeds", type=whole(1), default=1_000, help="number of worlds (default 1000)")
    add("--first-seed", type=whole(), default=0, help="the first seed (default 0)")
    add(
        "--hours",
        type=hours,
        default=1.0,
        help="virtual hours of each world, or 30m, 2d (default 1)",
    )
    _add_venue(add)
    add_judging(explore)
    add_verbose(explore)
    add_fault(explore)
    add_environment(explore)
    add(
        "--jobs",
        type=whole(1),
        metavar="N",
        help="number of processes (default: one per processor)",
    )
    add(
        "--time", type=seconds, metavar="SECONDS", help="stop after this much real time, or 10m, 1h"
    )
    add("--first", action="store_true", help="stop at the first failure")
    add("--quick", action="store_true", help="shrink only the most urgent finding")
    add(
        "--shard",
        type=shard,
        default="1/1",
        metavar="i/n",
        help="explore only the i-th of n shares of the seeds",
    )
    _add_files(explore)


def _add_venue(add: Any) -> None:
    """The options that say where, when and what is traded."""
    add("--venue", default="", metavar="NAME", help=VENUE_OF_BOT)
    add("--as-of", type=day, metavar="DATE", help=AS_OF)
    add(
        "--market",
        action="append",
        metavar="SYMBOL",
        help="a market that its worlds list, as BTC/USDT:USDT (may be repeated; default: what the "
        "bot says in its attribute `symbols`, else the markets of Spot)",
    )


def _add_files(explore: Any) -> None:
    """The options that name files, and the cluster."""
    add = explore.add_argument
    add(
        "--corpus",
        type=Path,
        metavar="DIR",
        help="folder of tokens of known failures: they are tried first, new ones are added",
    )
    add("--tests", type=Path, metavar="DIR", help="write a test file for each finding")
    add("--output", type=Path, metavar="FILE", help="write the results as JSON")
    add_json(explore)
    add("--junit", type=Path, metavar="FILE", help="write findings as JUnit XML")
    add(
        "--summary",
        type=Path,
        metavar="FILE",
        help="append the findings to a file as Markdown, as to $GITHUB_STEP_SUMMARY",
    )
    add("--dask", metavar="ADDRESS", help="run on a Dask cluster (needs the extra `dask`)")


def explore_command(options: argparse.Namespace) -> int:
    """Explore, show the findings, write the files."""
    from failing_exchange.explorer.findings import grouped
    from failing_exchange.explorer.job_summary import job_summary
    from failing_exchange.explorer.junit import junit
    from failing_exchange.explorer.regression_test import write_tests
    from failing_exchange.explorer.search import Options, explore

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
        shard=options.shard,
        corpus=options.corpus,
        rules=rules_chosen(options),
        client_ids=options.client_ids,
        env=dict(options.env or ()),
        files=options.files,
        keep_files=options.keep_files,
        faults=tuple(options.fault or ()),
        venue=options.venue,
        as_of=options.as_of or "",
        markets=tuple(options.market or ()),
    )
    with _progress(_seeds_of(wanted)) as tell, _executor(options.dask) as executor:
        found = explore(wanted, executor=executor, tell=tell)
    _show(found, verbose=options.verbose)
    if options.tests is not None:
        write_tests(found, options.tests)
    if options.output is not None:
        write_results(options.output, found.as_dict())
    if options.junit is not None:
        write_file(options.junit, junit(found))
    if options.summary is not None:
        append_file(options.summary, job_summary(found, _in_short(found, grouped(found.findings))))
    return finish(options, found.as_dict(), _exit_code(found))


def _exit_code(found: Exploration) -> int:
    if found.interrupted:
        return INTERRUPTED
    if len(found.findings):
        return FINDINGS
    return COULD_NOT_RUN if found.errors_seen or not found.requests else CLEAN


def _seeds_of(options: Any) -> int:
    """The number of seeds of this share."""
    number, shards = options.shard
    return len(range(number - 1, options.seeds, shards))


def _check(options: argparse.Namespace) -> None:
    """Raise ConfigurationError, before anything runs, for wrong files, rules or targets."""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.explorer import targets
    from failing_exchange.venues.base import venue_of

    for name, check in OUTPUTS.items():
        if getattr(options, name) is not None:
            check(f"--{name}", getattr(options, name))
    target = targets.load(options.target)
    if options.venue:
        venue_of(options.venue)
    if options.venue and not target.venue:
        raise ConfigurationError(
            f"--venue {options.venue}: {options.target} takes a client of ours; let it make its "
            "own, or leave --venue out"
        )
    if options.as_of and not target.venue:
        raise ConfigurationError(
            f"--as-of {options.as_of}: {options.target} takes a client of ours, which speaks no "
            "venue's protocol; let it make its own, or leave --as-of out"
        )
    if options.as_of:
        venue_of(options.venue or target.venue).check_as_of(options.as_of)


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
    """Show a bar, each new finding, and what is being shrunk."""
    from failing_exchange.report.text import progress_bar

    told: dict[Spot, None] = {}
    with progress_bar("exploring") as bar:

        def tell(found: Exploration, finding: Finding | None) -> None:
            done = min(found.trials, total)
            bar.advance(done / max(1, total), f"{done:,}/{total:,}: {_doing(found)}")
            if finding is not None and finding.cause.spot not in told:
                told[finding.cause.spot] = None
                bar.say(f"found: {finding.sentence}")

        yield tell


def _doing(found: Exploration) -> str:
    """What an exploration does now: the causes that it shrinks, else what it has found."""
    now = dict(found.making_small)  # a copy: the threads that make findings small change it
    under_way = sorted(now.items(), key=lambda one: -one[1])
    if not under_way:
        return f"{len(found.findings)} causes, {found.failed} worlds failed"
    (name, runs), more = under_way[0], len(under_way) - 1
    others = f" and {more} more" if more else ""
    return f"making small: {name} ({runs} runs){others}"


def _show(found: Exploration, *, verbose: bool) -> None:
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
    _show_unjudged(found, verbose=verbose)
    _show_groups(found, [one for one in groups if one.is_baseline], WITHOUT)
    _show_groups(found, [one for one in groups if not one.is_baseline], "")
    if len(groups) > FINDINGS_SHOWN_MAX:
        print(f"\nand {len(groups) - FINDINGS_SHOWN_MAX} more: see --output")


def _show_unjudged(found: Exploration, *, verbose: bool) -> None:
    """Print the rules that could judge no world."""
    why = {rule: why for rule, why in found.unjudged.items() if not found.judged.get(rule)}
    if not found.requests or not why:
        return
    if verbose:
        for rule, reason in why.items():
            print(f"  not judged: {rule}: {reason}")
    else:
        count = f"{len(why)} rule{'' if len(why) == 1 else 's'}"
        print(f"  not judged: {count}: {', '.join(why)} (why: --verbose)")


def _in_short(found: Exploration, groups: Sequence[Group]) -> str:
    """The result in one line."""
    ran = found.trials - found.errors_seen
    if ran <= 0 and groups:
        return f"No world with faults was run: {found.ended}."
    if ran <= 0:
        return "Nothing was judged: no world could be run."
    if not found.requests:
        hint = "" if groups else _hint(found)
        return f"Nothing was judged: your bot sent no request in any world.{hint}"
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


def _hint(found: Exploration) -> str:
    """What to try where a script does nothing by itself: its bot may be a function in it."""
    target = found.options.target
    return f" If it is a function, name it, as {target}:main." if target.endswith(".py") else ""


def _show_groups(found: Exploration, groups: Sequence[Group], title: str) -> None:
    if groups and title:
        print(f"\n{title}")
    for group in groups[:FINDINGS_SHOWN_MAX]:
        _show_group(group, _often(group, found))
        kept = found.files_of(group)
        if kept is not None:
            print(f"  files: {kept}")


def _often(group: Group, found: Exploration) -> str:
    """In how many worlds it was seen. Worlds without faults are not counted as trials."""
    calm = (group.worlds & found.calm_bits).bit_count()
    if not calm:
        return f"{group.times} of {found.trials:,} worlds"
    return f"{group.times} of {found.trials + found.calm:,} worlds, {calm} of them without faults"


def _show_group(group: Group, often: str) -> None:
    """Print the smallest example; the other causes of the group take one line."""
    first, others = group.first, group.causes[1:]
    also = f" (and breaks {', '.join(first.also)})" if first.also else ""
    money = f"; {group.money:,.2f} {group.currency} at risk" if group.money else ""
    print(f"\n{first.sentence}{money}{also}.")
    for line in (
        first.example.summary.traceback if group.spot.rule == "alive" else ""
    ).splitlines():
        print(f"  | {line}")
    print(f"  where: {first.cause.place}; {often}" if first.cause.place else f"  seen in {often}")
    print(f"  cause: {first.cause}")
    if others:
        shown = [f"{one.cause.faults} ({one.times})" for one in others[:CAUSES_SHOWN_MAX]]
        more = len(others) - len(shown)
        print(f"  also by: {', '.join(shown)}{f' and {more} more' if more else ''}")
    print(f"  replay: failing-exchange replay {first.token}")
