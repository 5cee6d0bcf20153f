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

from failing_exchange import server, trading
from failing_exchange.explorer import command
from failing_exchange.logs import to_stderr
from failing_exchange.options import Formatter, Parser, Version, count, probability, seconds
from failing_exchange.report import command as report

if TYPE_CHECKING:
    from failing_exchange.runner import Report, RunConfig

OK, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
DEMO_SECONDS = 86_400
DEMO_SEED = 7
MAINTENANCE_START, MAINTENANCE_MINUTES = "02:00", 30.0
DEMO_REPORT = "failing-exchange-demo.html"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, 1 (it failed), 2 (wrong arguments) or 130 (Ctrl-C)."""
    from failing_exchange.errors import ConfigurationError

    arguments = parser()
    options = arguments.parse_args(argv)
    if not hasattr(options, "command"):
        arguments.print_help()
        return OK
    logging.getLogger("failing_exchange").addHandler(logging.NullHandler())
    try:
        return int(options.command(options))
    except ConfigurationError as error:
        print(f"failing-exchange: {error}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


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
    command.add_parser(commands)
    report.add_parser(commands)
    _add_rules(commands)
    server.add_parser(commands)
    trading.add_parser(commands)
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
    add("--duration", type=seconds, help="test duration in seconds (default: 3600)")
    add("--mode", default=None, metavar="MODE", help="failure mode (default: RANDOM)")
    add("--probability", type=probability, default=0.1, help="failure probability, 0 to 1")
    add("--modes", nargs="+", metavar="MODE", help="several failure modes")
    add("--probabilities", nargs="+", type=probability, metavar="P", help="one for each of --modes")
    add("--rate-limit", type=count, default=60, help="requests a minute, 0 = no limit")
    add("--timeout", type=seconds, default=5, help="seconds until a call gives up")
    add("--maintenance", action="store_true", help="a maintenance window during the run")
    add("--maintenance-start", metavar="HH:MM", help="its start, UTC (default: 02:00)")
    add("--maintenance-duration", type=seconds, metavar="MINUTES", help="its length (default: 30)")
    add("--output", default="exchange_test.json", metavar="FILE", help="where results are written")
    add("--bot", default="careful", help="careful, naive, path.py:function or module:function")
    add("--seed", type=int, default=0, help="the same seed gives the same run")
    add("--scenario", metavar="FILE", help="a scenario file, or the name of a shipped one")
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
    simulate.add_argument("script", help="the script")
    simulate.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    simulate.set_defaults(command=_simulate)


def _add_replay(commands: Any) -> None:
    replay = commands.add_parser(
        "replay", help="run a token of `explore` again, or what a results file describes"
    )
    replay.add_argument("results", help="a token, or a file that `run --output` has written")
    replay.add_argument("--bot", help="another bot than the token names")
    replay.add_argument("--until", type=count, default=0, metavar="N", help="stop before trip N")
    replay.set_defaults(command=_replay)


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check-determinism", help="run a bot twice; show the first line in which the runs differ"
    )
    check.add_argument("target", help="path.py:function, or a script")
    check.add_argument("--seed", type=int, default=0, help="of all chance (default 0)")
    check.set_defaults(command=_check_determinism)


# ---- arguments


def _modes(options: argparse.Namespace) -> tuple[tuple[str, float], ...]:
    if options.modes is None:
        if options.probabilities is not None:
            options.parser.error("--probabilities goes with --modes")
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


def _duration_of(scenario: str | None) -> float:
    """What a scenario says, else an hour."""
    if scenario is None:
        return 3_600.0
    from failing_exchange.scenario import load

    return load(scenario).duration or 3_600.0


def _config(options: argparse.Namespace) -> RunConfig:
    from failing_exchange.runner import RunConfig

    modes = _modes(options)
    planned = options.maintenance_start, options.maintenance_duration
    if not options.maintenance and planned != (None, None):
        options.parser.error("--maintenance-start and --maintenance-duration go with --maintenance")
    if options.scenario is not None and options.mode is None and options.modes is None:
        modes = ()
    return RunConfig(
        bot=options.bot,
        duration=options.duration or _duration_of(options.scenario),
        seed=options.seed,
        modes=modes,
        rate_limit=options.rate_limit or None,
        timeout=options.timeout,
        maintenance_start=(planned[0] or MAINTENANCE_START) if options.maintenance else None,
        maintenance_minutes=planned[1] or MAINTENANCE_MINUTES,
        scenario=options.scenario,
        real_time=options.real_time,
        journal=options.journal,
    )


# ---- commands


def _run(options: argparse.Namespace) -> int:
    from failing_exchange import terminal

    to_stderr()
    output = Path(options.output)
    _check_writable(output)
    if options.all:
        return _run_all(options.bot, output)
    config = _config(options)
    report = terminal.run_with_progress(config)
    terminal.show([report])
    verdict = report.verdict
    if verdict is not None:
        print(verdict)
    _write(output, report)
    print(f"Results are in {output}; as a page: failing-exchange report {output}")
    if report.interrupted:
        return INTERRUPTED
    broken = config.scenario is not None and verdict is not None and not verdict.passed
    return FAILED if report.crashed or broken else OK


def _run_all(bot: str, output: Path) -> int:
    from failing_exchange import report_card

    found = list(report_card.grades(bot))
    report_card.show(bot, found)
    report_card.write(output, bot, found)
    print(f"Results are in {output}")
    return OK if all(one.passed for one in found) else FAILED


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
    from failing_exchange import terminal
    from failing_exchange.runner import RunConfig

    modes = (("TIMEOUT", 0.01), ("CONNECTION_ERROR", 0.01), ("PARTIAL_FILL", 0.05))
    reports = [
        terminal.run_with_progress(
            RunConfig(bot=bot, duration=DEMO_SECONDS, seed=options.seed, modes=modes)
        )
        for bot in ("naive", "careful")
    ]
    terminal.show_demo(reports)
    report.write(reports[0].as_dict(), Path(DEMO_REPORT))
    print(f"The whole day as a page:  {Path(DEMO_REPORT).absolute()}")
    return OK


def _faults(options: argparse.Namespace) -> int:
    if options.markdown:
        from failing_exchange.faults.manual import markdown

        print(markdown(), end="")
        return OK
    from failing_exchange.faults.catalogue import describe

    print(describe(options.name))
    return OK


def _rules(options: argparse.Namespace) -> int:
    from failing_exchange.conduct.rules import describe

    print(describe())
    return OK


def _scenarios(options: argparse.Namespace) -> int:
    from failing_exchange.scenario import describe

    print(describe(options.name))
    return OK


def _simulate(options: argparse.Namespace) -> int:
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.simulation import run_script

    if not Path(options.script).is_file():
        raise ConfigurationError(f"no script {options.script!r}")
    run_script(options.script, options.arguments, seed=options.seed, start=options.start)
    return OK


def _replay(options: argparse.Namespace) -> int:
    from failing_exchange.explorer.token import PREFIX

    if options.results.startswith(PREFIX):
        return command.replay(options.results, options.bot, options.until)
    return _replay_results(options)


def _replay_results(options: argparse.Namespace) -> int:
    from failing_exchange import terminal
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runner import RunConfig

    to_stderr()
    try:
        recorded = json.loads(Path(options.results).read_text(encoding="utf-8"))
        fields = {k: v for k, v in recorded["config"].items() if k != "start"}
        fields["modes"] = tuple((mode, p) for mode, p in fields["modes"])
        config = RunConfig(**fields)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{options.results} is no results file: {error}") from error
    report = terminal.run_with_progress(config)
    terminal.show([report])
    again = json.loads(json.dumps(report.as_dict()))
    different = [name for name in recorded if recorded[name] != again.get(name)]
    print("the same as recorded" if not different else f"different: {', '.join(different)}")
    return FAILED if different else OK


def _check_determinism(options: argparse.Namespace) -> int:
    from failing_exchange.determinism import check_determinism

    report = check_determinism(options.target, seed=options.seed)
    print(report)
    return OK if report.same else FAILED
