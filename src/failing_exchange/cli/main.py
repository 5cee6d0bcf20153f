"""The command line: run a bot on a failing exchange, replay a run, look things up."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli import ctl, explore, report, serve, trade
from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from failing_exchange.cli.logs import to_stderr
from failing_exchange.cli.options import (
    Formatter,
    Parser,
    Version,
    add_own_code,
    count,
    minutes,
    probability,
    seconds,
    seconds_or_none,
)
from failing_exchange.core.units import DAY_S
from failing_exchange.runs.bot_loader import with_arguments

if TYPE_CHECKING:
    from failing_exchange.runs.run import Report, RunConfig

DEMO_SECONDS = DAY_S
DEMO_SEED = 7
MAINTENANCE_START = "02:00"
DEMO_REPORT = "failing-exchange-demo.html"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is one of `exit_codes.TABLE`."""
    from failing_exchange.errors import ConfigurationError

    arguments = parser()
    own, program = split(sys.argv[1:] if argv is None else argv)
    options = arguments.parse_args(own)
    if program is not None and own[0] == "serve":
        options.program = program
    elif program:
        name = "bot" if own[0] == "run" else "target"
        setattr(options, name, with_arguments(getattr(options, name), program))
    if not hasattr(options, "command"):
        arguments.print_help()
        return CLEAN
    logging.getLogger("failing_exchange").addHandler(logging.NullHandler())
    try:
        return int(options.command(options))
    except ConfigurationError as error:
        print(f"failing-exchange: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_RUN if options.command in (_run, _replay, explore.run) else CLEAN
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


PROGRAMS = (
    ["serve"],
    ["run"],
    ["explore"],
)  # commands behind whose `--` a program or its arguments stand


def split(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Our own arguments, and those behind `--` of a command that starts a program.

    >>> split(["serve", "--port", "0", "--", "python", "bot.py", "--", "x"])
    (['serve', '--port', '0'], ['python', 'bot.py', '--', 'x'])
    """
    own = list(argv)
    if own[:1] not in PROGRAMS or "--" not in own:
        return own, None
    at = own.index("--")
    return own[:at], own[at + 1 :]


def parser() -> Parser:
    """The parser of all commands."""
    made = Parser(
        prog="failing-exchange",
        description="A simulated crypto exchange that fails on command, so that your bot does not.",
    )
    made.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    commands = made.add_subparsers(metavar="COMMAND", parser_class=Parser)
    _add_demo(commands)
    _add_run(commands)
    explore.add_parser(commands)
    report.add_parser(commands)
    _add_rules(commands)
    serve.add_parser(commands)
    ctl.add_parser(commands)
    trade.add_parser(commands)
    _add_faults(commands)
    _add_scenarios(commands)
    _add_simulate(commands)
    _add_replay(commands)
    _add_check(commands)
    return made


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser("demo", help="two bots trade a day; read who lost money, and why")
    demo.add_argument("--seed", type=int, default=DEMO_SEED, help="another day (default 7)")
    demo.set_defaults(command=_demo)


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run", help="run a bot on a failing exchange", formatter_class=Formatter
    )
    add = run.add_argument
    add("--duration", type=seconds, help="seconds, or 90s, 10m, 1h, 2d (default: 1h)")
    add(
        "--calm",
        type=seconds_or_none,
        metavar="SECONDS",
        help="how long nothing fails at the end, "
        "so that the bot can recover, 0 = none (default: 10m, at most a third of the duration)",
    )
    add("--mode", default=None, metavar="MODE", help="failure mode (default: RANDOM)")
    add("--probability", type=probability, default=0.1, help="failure probability, 0 to 1")
    add("--modes", nargs="+", metavar="MODE", help="several failure modes")
    add("--probabilities", nargs="+", type=probability, metavar="P", help="one for each of --modes")
    add(
        "--rate-limit",
        type=count,
        help="requests a minute, 0 = no limit (default: 60; with a "
        "scenario or --mode NONE no limit)",
    )
    add("--timeout", type=seconds, help="seconds until a call gives up (default: 5)")
    add("--maintenance", action="store_true", help="a maintenance window during the run")
    add("--maintenance-start", metavar="HH:MM", help="its start, UTC (default: 02:00)")
    add("--maintenance-duration", type=minutes, metavar="MINUTES", help="its length (default: 30)")
    add("--output", default="exchange_test.json", metavar="FILE", help="where results are written")
    add("--bot", default="careful", help="careful, naive, path.py:function or module:function")
    add("--seed", type=int, help="the same seed gives the same run (default: the scenario's, or 0)")
    add("--scenario", metavar="FILE", help="a scenario file, or the name of a shipped one")
    add_own_code(run)
    add("--all", action="store_true", help="every shipped scenario: a report card")
    add("--journal", metavar="FILE", help="write every trip to a file, as JSON lines")
    add("--real-time", action="store_true", help="by the real clock, instead of in virtual time")
    run.set_defaults(command=_run, parser=run)


def _add_faults(commands: Any) -> None:
    faults = commands.add_parser("faults", help="list the catalogue of faults, or explain one")
    faults.add_argument("name", nargs="?", help="a fault, to explain it")
    faults.add_argument("--markdown", action="store_true", help="the manual, as docs/faults.md")
    faults.set_defaults(command=_faults)


def _add_rules(commands: Any) -> None:
    rules = commands.add_parser("rules", help="list the rules of conduct by which bots are judged")
    rules.set_defaults(command=_rules)


def _add_scenarios(commands: Any) -> None:
    scenarios = commands.add_parser("scenarios", help="list the shipped scenarios, or show one")
    scenarios.add_argument("name", nargs="?", help="a scenario, to show it")
    scenarios.set_defaults(command=_scenarios)


def _add_simulate(commands: Any) -> None:
    simulate = commands.add_parser("simulate", help="run any asyncio script in virtual time")
    simulate.add_argument("--seed", type=int, default=0, help="of all chance (default 0)")
    simulate.add_argument(
        "--start", default="2026-01-01T00:00:00Z", metavar="TIME",
        help="when it starts, UTC (default 2026-01-01T00:00:00Z)",
    )  # fmt: skip
    simulate.add_argument(
        "--venue", metavar="NAME",
        help="a venue that its clients reach by production's names; without it they reach none",
    )  # fmt: skip
    simulate.add_argument("script", help="the script")
    simulate.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    simulate.set_defaults(command=_simulate)


def _add_replay(commands: Any) -> None:
    replay = commands.add_parser(
        "replay", help="run a token of `explore` again, or what a results file describes"
    )
    replay.add_argument("results", help="a token, or a file that `run --output` has written")
    replay.add_argument("--bot", help="another bot than the token names")
    replay.add_argument("--output", type=Path, metavar="FILE", help="where results are written")
    replay.add_argument("--until", type=count, default=0, metavar="N", help="stop before trip N")
    replay.set_defaults(command=_replay, parser=replay)


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check-determinism", help="run a bot twice; show the first line in which the runs differ"
    )
    check.add_argument("target", help="path.py:function, or a script")
    check.add_argument("--seed", type=int, default=0, help="of all chance (default 0)")
    check.set_defaults(command=_check_determinism)


# ---- arguments


def _modes(options: argparse.Namespace) -> tuple[tuple[str, float], ...] | None:
    """The modes that are given; None: as the scenario says, or none beside a fault of the user."""
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
    from failing_exchange.runs.run import MAINTENANCE_MINUTES, RunConfig
    from failing_exchange.runs.user_code import check_rules

    check_rules(options.rule or ())
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
        calm=options.calm,
        maintenance_start=(planned[0] or MAINTENANCE_START) if options.maintenance else None,
        maintenance_minutes=planned[1] or MAINTENANCE_MINUTES,
        scenario=options.scenario,
        real_time=options.real_time,
        journal=options.journal,
        rules=tuple(options.rule or ()),
        faults=tuple((name, options.probability) for name in options.fault or ()),
    )


# ---- commands


def run_with_progress(config: RunConfig) -> Report:
    """Run, with a progress bar on a terminal."""
    from failing_exchange.report.text import progress_bar, span
    from failing_exchange.runs.run import run

    name = config.bot if config.duration is None else f"{config.bot}, {span(config.duration)}"
    with progress_bar(name) as advance:
        return run(config, progress=advance)


def _run(options: argparse.Namespace) -> int:
    from failing_exchange.report.text import show

    to_stderr()
    output = Path(options.output)
    _check_writable(output)
    if options.all:
        return _run_all(options, output)
    report = run_with_progress(_config(options))
    show([report.shown()])
    if report.verdict is not None:
        print(report.verdict)
    _write(output, report)
    print(f"Results are in {output}; as a page: failing-exchange report {output}")
    return _exit_code(report)


def _exit_code(report: Report) -> int:
    if report.interrupted:
        return INTERRUPTED
    if report.stopped or report.verdict is None or not report.verdict.judged:
        return COULD_NOT_RUN
    return CLEAN if report.verdict.clean else FINDINGS


ALONE = ("scenario", "mode", "modes", "probabilities", "duration", "calm", "seed", "rate_limit",
         "timeout", "maintenance", "journal", "real_time", "rule", "fault")  # fmt: skip


def _run_all(options: argparse.Namespace, output: Path) -> int:
    from failing_exchange.runs import report_card

    values = {name: getattr(options, name) for name in ALONE}
    given = [name for name, value in values.items() if value is not None and value is not False]
    if given:
        name = given[0].replace("_", "-")
        options.parser.error(f"--{name} goes with one run; with --all each scenario says its own")
    card = report_card.make(options.bot)
    report_card.show(card)
    report_card.write(output, card)
    print(f"Results are in {output}")
    if card.interrupted:
        return INTERRUPTED
    if card.broken_off:
        return COULD_NOT_RUN
    return CLEAN if card.clean else FINDINGS


def _check_writable(output: Path) -> None:
    """Before anything runs: is there a place for the results?"""
    from failing_exchange.errors import ConfigurationError

    folder = output.absolute().parent
    if (
        output.is_dir()
        or not folder.is_dir()
        or not os.access(output if output.exists() else folder, os.W_OK)
    ):
        raise ConfigurationError(
            f"--output {output}: no file can be written there; name one in an existing folder"
        )


def _write(output: Path, report: Report) -> None:
    from failing_exchange.errors import ConfigurationError

    try:
        output.write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output {output}: {error.strerror}") from error


def _demo(options: argparse.Namespace) -> int:
    from failing_exchange.report.text import show, show_demo
    from failing_exchange.runs.run import RunConfig

    modes = (("TIMEOUT", 0.01), ("CONNECTION_ERROR", 0.01), ("PARTIAL_FILL", 0.05))
    reports: list[Report] = []
    for bot in ("naive", "careful"):
        config = RunConfig(bot=bot, duration=DEMO_SECONDS, seed=options.seed, modes=modes)
        reports.append(run_with_progress(config))
        if reports[-1].interrupted:
            show([one.shown() for one in reports])
            return INTERRUPTED
    show_demo([one.shown() for one in reports], reports[0].config.seed or 0)
    report.write(reports[0].as_dict(), Path(DEMO_REPORT))
    print(f"The whole day as a page:  {Path(DEMO_REPORT).absolute()}")
    return CLEAN


def _faults(options: argparse.Namespace) -> int:
    if options.markdown:
        from failing_exchange.faults.markdown import markdown

        print(markdown(), end="")
        return CLEAN
    from failing_exchange.faults.catalogue import describe

    print(describe(options.name))
    return CLEAN


def _rules(options: argparse.Namespace) -> int:
    from failing_exchange.judge.catalogue import describe

    print(describe())
    return CLEAN


def _scenarios(options: argparse.Namespace) -> int:
    from failing_exchange.scenarios.scenario import describe

    print(describe(options.name))
    return CLEAN


def _simulate(options: argparse.Namespace) -> int:
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runs.watchdog import watched
    from failing_exchange.simulation import run_script
    from failing_exchange.text.tracebacks import own_traceback

    if not Path(options.script).is_file():
        raise ConfigurationError(f"no script {options.script!r}")
    try:
        with watched():
            run_script(
                options.script, options.arguments, seed=options.seed, start=options.start,
                venue=options.venue or (),
            )  # fmt: skip
    except (SystemExit, KeyboardInterrupt, ConfigurationError, BrokenPipeError):
        raise
    except BaseException as error:
        print(own_traceback(error), file=sys.stderr)
        return FINDINGS
    return CLEAN


def _replay(options: argparse.Namespace) -> int:
    from failing_exchange.explorer.token import PREFIX
    from failing_exchange.runs.watchdog import watched

    if not options.results.strip():
        options.parser.error(f"expected a token ({PREFIX}…) or a results file, not an empty text")
    if options.results.startswith(PREFIX):
        with watched():
            return explore.replay(options.results, options.bot, options.until, options.output)
    return _replay_results(options)


def _replay_results(options: argparse.Namespace) -> int:
    from failing_exchange.explorer.token import files_outside
    from failing_exchange.report.text import show

    to_stderr()
    if options.output is not None:
        _check_writable(options.output)
    config, recorded = _recorded(Path(options.results))
    if options.bot is not None or options.until:
        options.parser.error("--bot and --until go with a token; this is a results file")
    code = [config.bot, *config.rules, *(name for name, _ in config.faults)]
    if elsewhere := files_outside(code):
        print(f"note: this runs {elsewhere}, outside the working directory", flush=True)
    report = run_with_progress(config)
    show([report.shown()])
    if report.verdict is not None:
        print(report.verdict)
    if options.output is not None:
        _write(options.output, report)
    if report.interrupted:
        return INTERRUPTED
    before, again = _compared(recorded), _compared(json.loads(json.dumps(report.as_dict())))
    different = [name for name in before if before[name] != again.get(name)]
    print("the same as recorded" if not different else f"different: {', '.join(different)}")
    return FINDINGS if different else _exit_code(report)


KINDS = {"card": "a report card; run one of its scenarios with --scenario",
         "explore": "an exploration; replay one of its tokens",
         "replay": "a replay of a token; its `again` names the command"}  # fmt: skip


def _recorded(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The run that a results file describes, and all of the file."""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runs.run import config_of

    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ConfigurationError(
            f"{path} is no results file: {why}; expected what `run --output` has written"
        ) from error
    if not isinstance(recorded, dict) or recorded.get("kind") != "run":
        kind = str(recorded.get("kind")) if isinstance(recorded, dict) else ""
        what = KINDS.get(kind, "something else")
        raise ConfigurationError(f"{path} is no results file of `run`, but {what}")
    return config_of(recorded.get("config"), str(path)), recorded


def _compared(found: dict[str, Any]) -> dict[str, Any]:
    """What must be equal in a replay: not the journal's name, nor where the bot's file lies."""
    config = {**(found.get("config") or {}), "journal": None}
    verdict = {**(found.get("verdict") or {}), "traceback": ""}
    return {**found, "config": config, "verdict": verdict}


def _check_determinism(options: argparse.Namespace) -> int:
    from failing_exchange.testing.determinism import check_determinism

    report = check_determinism(options.target, seed=options.seed)
    print(report)
    return CLEAN if report.same else FINDINGS
