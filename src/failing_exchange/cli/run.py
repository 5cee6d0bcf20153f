"""The command `run`: run a bot on a failing exchange, or in every shipped scenario."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from failing_exchange.cli.json_output import add_json, finish
from failing_exchange.cli.judging import add_judging, add_verbose, rules_chosen, text_of
from failing_exchange.cli.logs import to_stderr
from failing_exchange.cli.options import (
    AS_OF,
    VENUE_OF_BOT,
    Formatter,
    add_environment,
    add_fault,
    add_module,
    day,
    minutes,
    probability,
    seconds,
    seconds_or_none,
    whole,
)
from failing_exchange.text.files import check_file
from failing_exchange.text.results import write_results

if TYPE_CHECKING:
    from failing_exchange.runs.bot_run import RunConfig, RunReport
    from failing_exchange.runs.change_card import ChangeCard
    from failing_exchange.runs.report_card import Card

MAINTENANCE_START = "02:00"  # UTC
# options of a single run, which `--all` does not take
SINGLE = ("scenario", "mode", "modes", "probabilities", "duration", "calm", "seed", "rate_limit",
          "timeout", "time", "maintenance", "journal", "real_time", "rule", "rules", "ignore",
          "set", "client_ids", "env", "files", "keep_files", "fault", "as_of", "change",
          "verbose")  # fmt: skip


BOT = (
    "careful, naive, path.py:function, module:function, or a script; what stands behind -- are its "
    "arguments"
)
TIME = (
    "real time after which a run is stopped, or 10m (default: 60 s, or 20 s for each virtual hour "
    "of a longer one)"
)
CHANGE = (
    "a change of the venue's API that comes in the middle of the run (docs/api_changes.md); "
    "NAME@10m: ten minutes after its start"
)
CHANGES = (
    "run across each change of the venue's API, and print what will break the bot; takes "
    "--duration (default: 2h) and --venue"
)


def add_parser(commands: Any) -> None:
    """Add `run` to the command line."""
    run = commands.add_parser(
        "run", help="run a bot on a failing exchange", formatter_class=Formatter
    )
    add = run.add_argument
    add("--duration", type=seconds, help="seconds, or 90s, 10m, 1h, 2d (default: 1h)")
    add(
        "--calm",
        type=seconds_or_none,
        metavar="SECONDS",
        help="time without faults at the end, so "
        "that the bot can recover; 0 = none (default: 10m, at most a third of the duration)",
    )
    _add_modes(add)
    add(
        "--rate-limit",
        type=whole(),
        help="requests per minute; 0 = no limit (default: 60; with a "
        "scenario or --mode NONE: no limit)",
    )
    add("--time", type=seconds, metavar="SECONDS", help=TIME)
    add("--timeout", type=seconds, help="seconds until a call gives up (default: 5)")
    _add_maintenance(add)
    add("--output", default="exchange_test.json", metavar="FILE", help="file for the results")
    add("--bot", default="careful", help=BOT)
    add_module(run, "bot")
    add("--seed", type=int, help="the same seed gives the same run (default: the scenario's, or 0)")
    add("--scenario", metavar="FILE", help="a scenario file, or the name of a shipped one")
    add_judging(run)
    add_verbose(run)
    add_fault(run)
    add_environment(run)
    add("--all", action="store_true", help="run every shipped scenario and print a report card")
    add_json(run)
    add("--journal", metavar="FILE", help="write every trip to a file, as JSON lines")
    add("--real-time", action="store_true", help="run by the real clock instead of in virtual time")
    _add_venue(add)
    run.set_defaults(command=run_command, parser=run, judges=True)


def _add_modes(add: Any) -> None:
    """The options that say what fails, and how often."""
    add("--mode", default=None, metavar="MODE", help="failure mode (default: RANDOM)")
    add("--probability", type=probability, default=0.1, help="failure probability, 0 to 1")
    add("--modes", nargs="+", metavar="MODE", help="several failure modes at once")
    add(
        "--probabilities",
        nargs="+",
        type=probability,
        metavar="P",
        help="one probability for each of --modes",
    )


def _add_venue(add: Any) -> None:
    """The options that say which venue a bot with clients of its own reaches."""
    add("--venue", default="", metavar="NAME", help=VENUE_OF_BOT)
    add("--as-of", type=day, metavar="DATE", help=AS_OF)
    add("--change", default="", metavar="NAME", help=CHANGE)
    add("--changes", action="store_true", help=CHANGES)


def _add_maintenance(add: Any) -> None:
    """The options of a maintenance window."""
    add("--maintenance", action="store_true", help="schedule a maintenance window during the run")
    add("--maintenance-start", metavar="HH:MM", help="its start in UTC (default: 02:00)")
    add(
        "--maintenance-duration",
        type=minutes,
        metavar="MINUTES",
        help="its length in minutes (default: 30)",
    )


def run_command(options: argparse.Namespace) -> int:
    """Run the bot, show the verdict, write the results."""
    to_stderr()
    output = Path(options.output)
    check_file("--output", output)
    if options.all:
        return _run_all(options, output)
    if options.changes:
        return _run_changes(options, output)
    report = run_and_show(_config(options), verbose=options.verbose)
    found = report.as_dict()
    write_results(output, found)
    print(f"Results are in {output}; as a page: failing-exchange report {output}")
    return finish(options, found, exit_code_of(report))


def run_with_progress(config: RunConfig) -> RunReport:
    """Run, with a progress bar on a terminal."""
    from failing_exchange.report.text import progress_bar
    from failing_exchange.runs.bot_run import run
    from failing_exchange.text.durations import span

    name = config.bot if config.duration is None else f"{config.bot}, {span(config.duration)}"
    with progress_bar(name) as bar:
        return run(config, progress=bar.advance)


def run_and_show(config: RunConfig, *, verbose: bool) -> RunReport:
    """Run, then print the table and the verdict."""
    from failing_exchange.report.text import show
    from failing_exchange.runs.first_request import why_not_begun

    report = run_with_progress(config)
    show([report.shown()])
    if report.verdict is not None:
        print(text_of(report.verdict, verbose=verbose))
        if why := why_not_begun(report.verdict):
            print(f"could not run: {why}")
    return report


def exit_code_of(report: RunReport) -> int:
    """The exit code of a run."""
    from failing_exchange.runs.first_request import why_not_begun

    if report.interrupted:
        return INTERRUPTED
    if report.stopped or report.verdict is None or not report.verdict.judged:
        return COULD_NOT_RUN
    if why_not_begun(report.verdict):
        return COULD_NOT_RUN
    return CLEAN if report.verdict.clean else FINDINGS


def _run_changes(options: argparse.Namespace, output: Path) -> int:
    from failing_exchange.runs import change_card

    _refuse_single(options, "with --changes each run has its own", but=("duration",))
    seconds = options.duration or change_card.SECONDS
    card = change_card.make(options.bot, venue=options.venue, seconds=seconds)
    change_card.show(card)
    return _finish_card(options, output, card, judged=card.judged)


def _refuse_single(options: argparse.Namespace, why: str, but: tuple[str, ...] = ()) -> None:
    """Exit with an error for an option of a single run."""
    for name in SINGLE:
        value = getattr(options, name)
        if name not in but and value is not None and value is not False and value != "":
            options.parser.error(f"--{name.replace('_', '-')} is for a single run; {why}")


def _run_all(options: argparse.Namespace, output: Path) -> int:
    from failing_exchange.runs import report_card

    _refuse_single(options, "with --all each scenario sets its own")
    card = report_card.make(options.bot, venue=options.venue)
    report_card.show(card)
    return _finish_card(options, output, card, judged=True)


def _finish_card(
    options: argparse.Namespace, output: Path, card: Card | ChangeCard, *, judged: bool
) -> int:
    """Write a card, and print it for programs; the exit code."""
    found = card.as_dict()
    write_results(output, found)
    print(f"Results are in {output}")
    code = CLEAN if card.clean else FINDINGS
    if card.broken_off or not judged:
        code = COULD_NOT_RUN
    return finish(options, found, INTERRUPTED if card.interrupted else code)


def _modes(options: argparse.Namespace) -> tuple[tuple[str, float], ...] | None:
    """The modes that are given; None: those of the scenario, or none beside --fault."""
    if options.modes is None:
        if options.probabilities is not None:
            options.parser.error("--probabilities goes with --modes")
        if options.mode is None and (options.scenario is not None or options.fault):
            return None
        return ((options.mode or "RANDOM", options.probability),)
    if options.mode is not None:
        options.parser.error("give --mode or --modes, not both")
    probabilities = options.probabilities or [options.probability] * len(options.modes)
    if len(probabilities) != len(options.modes):
        options.parser.error(
            f"--modes names {len(options.modes)} modes and --probabilities {len(probabilities)} "
            "numbers; give one for each"
        )
    return tuple(zip(options.modes, probabilities, strict=True))


def _config(options: argparse.Namespace) -> RunConfig:
    from failing_exchange.runs.bot_run import MAINTENANCE_MINUTES, RunConfig
    from failing_exchange.venues.base import DEFAULT, venue_of

    venue_of(options.venue or DEFAULT)
    modes = _modes(options)
    planned = options.maintenance_start, options.maintenance_duration
    if not options.maintenance and planned != (None, None):
        options.parser.error("--maintenance-start and --maintenance-duration go with --maintenance")
    return RunConfig(
        bot=options.bot,
        duration=options.duration,
        seed=options.seed,
        modes=modes,
        rate_limit=options.rate_limit,
        timeout=options.timeout,
        wall_seconds=options.time,
        calm=options.calm,
        maintenance_start=(planned[0] or MAINTENANCE_START) if options.maintenance else None,
        maintenance_minutes=planned[1] or MAINTENANCE_MINUTES,
        scenario=options.scenario,
        real_time=options.real_time,
        journal=options.journal,
        rules=rules_chosen(options),
        client_ids=options.client_ids,
        env=dict(options.env or ()),
        files=options.files,
        keep_files="" if options.keep_files is None else str(options.keep_files),
        faults=tuple((name, options.probability) for name in options.fault or ()),
        venue=options.venue,
        as_of=options.as_of or "",
        change=options.change,
    )
