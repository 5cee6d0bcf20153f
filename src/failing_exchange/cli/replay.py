"""The command `replay`: run a token of `explore` again, or what a results file describes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, FINDINGS, INTERRUPTED
from failing_exchange.cli.json_output import add_json, finish
from failing_exchange.cli.judging import add_verbose, text_of
from failing_exchange.cli.logs import to_stderr
from failing_exchange.cli.options import KEEP_FILES, whole
from failing_exchange.cli.run import exit_code_of, run_and_show
from failing_exchange.text.files import check_file, read_text
from failing_exchange.text.results import check_schema, results_text, write_results

if TYPE_CHECKING:
    from failing_exchange.explorer.replay_token import Replay
    from failing_exchange.runs.bot_run import RunConfig

COLUMNS_SHOWN = 8  # trips on the terminal
# what a results file of another command is, and what to do with it
KINDS = {"card": "a report card; run one of its scenarios with --scenario",
         "explore": "an exploration; replay one of its tokens",
         "replay": "a replay of a token; its `again` names the command"}  # fmt: skip


def add_parser(commands: Any) -> None:
    """Add `replay` to the command line."""
    replay = commands.add_parser(
        "replay", help="run a token of `explore`, or a results file, again"
    )
    replay.add_argument("results", help="a token, or a file that `run --output` has written")
    replay.add_argument("--bot", help="another bot than the one of the token")
    replay.add_argument("--output", type=Path, metavar="FILE", help="file for the results")
    replay.add_argument("--keep-files", type=Path, metavar="DIR", help=KEEP_FILES)
    replay.add_argument("--until", type=whole(), default=0, metavar="N", help="stop before trip N")
    add_verbose(replay)
    add_json(replay)
    replay.set_defaults(command=replay_command, parser=replay, judges=True)


def replay_command(options: argparse.Namespace) -> int:
    """Run it again; a difference from the recording is a finding."""
    from failing_exchange.explorer.token import PREFIX
    from failing_exchange.runs.watchdog import watched

    if not options.results.strip():
        options.parser.error(
            f"expected a token ({PREFIX}…) or a results file, not an empty argument"
        )
    if options.results.startswith(PREFIX):
        with watched():
            return replay_token(options)
    return _replay_results(options)


# ---- tokens


def replay_token(options: argparse.Namespace) -> int:
    """Run a token again and show the verdict, with both columns around the failure."""
    from failing_exchange.explorer.replay_token import replay as run_again
    from failing_exchange.explorer.token import Token

    wanted = Token.parse(options.results)
    target, until, results = options.bot, options.until, options.output
    if elsewhere := wanted.outside(target):
        print(f"note: this runs {elsewhere}, outside the working directory", flush=True)
    if results is not None:
        check_file("--output", results)
    found = run_again(wanted, target, until=until, keep_files=options.keep_files or "")
    for difference in found.differences:
        print(f"note: {difference}")
    _show_replay(found, options)
    if results is not None:
        write_results(results, found.as_dict())
        print(f"Results are in {results}; as a page: failing-exchange report {results}")
    return finish(options, found.as_dict(), FINDINGS if found.broken else CLEAN)


def _show_replay(found: Replay, options: argparse.Namespace) -> None:
    from rich.console import Console

    from failing_exchange.report.text import trip_table

    console, until = Console(), options.until
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
    text = text_of(found.verdict, verbose=options.verbose)
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    if found.token.digest:
        print(
            "Every message is as it was when the token was made."
            if found.same
            else "The run differs from the one that the token was made of."
        )


# ---- results files


def _replay_results(options: argparse.Namespace) -> int:
    from failing_exchange.explorer.token import files_outside

    to_stderr()
    if options.output is not None:
        check_file("--output", options.output)
    config, recorded = _recorded(Path(options.results))
    if options.bot is not None or options.until or options.keep_files is not None:
        options.parser.error(
            "--bot, --until and --keep-files go with a token; this is a results file"
        )
    named = [config.bot, *config.rules, *(name for name, _ in config.faults)]
    if elsewhere := files_outside(named):
        print(f"note: this runs {elsewhere}, outside the working directory", flush=True)
    report = run_and_show(config, verbose=options.verbose)
    found = report.as_dict()
    if options.output is not None:
        write_results(options.output, found)
    if report.interrupted:
        return finish(options, found, INTERRUPTED)
    before, again = _compared(recorded), _compared(json.loads(results_text(found)))
    different = [name for name in before if before[name] != again.get(name)]
    print("the same as recorded" if not different else f"different: {', '.join(different)}")
    code = FINDINGS if different else exit_code_of(report)
    return finish(options, {**found, "different": different}, code)


def _recorded(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The run that a results file describes, and all of the file."""
    from failing_exchange.errors import ConfigurationError
    from failing_exchange.runs.bot_run import config_of

    text = read_text("results file", path)
    try:
        recorded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} is not a results file: it is not JSON; expected what `run --output` wrote"
        ) from error
    if not isinstance(recorded, dict) or recorded.get("kind") != "run":
        kind = str(recorded.get("kind")) if isinstance(recorded, dict) else ""
        what = KINDS.get(kind, "something else")
        raise ConfigurationError(f"{path} is not a results file of `run`, but {what}")
    check_schema(path, recorded)
    return config_of(recorded.get("config"), str(path)), recorded


def _compared(found: dict[str, Any]) -> dict[str, Any]:
    """What a replay must reproduce: all but the journal's name and the bot's folder."""
    config = {**(found.get("config") or {}), "journal": None, "keep_files": ""}
    verdict = {**(found.get("verdict") or {}), "traceback": ""}
    return {**found, "config": config, "verdict": verdict}
