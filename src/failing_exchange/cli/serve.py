"""The command `serve`: serve a venue on a port of this machine until it is stopped."""

from __future__ import annotations

import argparse
import errno
import gc
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from failing_exchange.cli.json_output import print_document
from failing_exchange.cli.judging import RULE, add_choice, rules_chosen
from failing_exchange.cli.logs import to_stderr
from failing_exchange.cli.options import (
    AS_OF,
    FAULT,
    ReplaceDefault,
    Switch,
    day,
    environment_or,
    one_of,
    probability,
    reading,
    whole,
)
from failing_exchange.cli.serve_texts import (
    VENUE,
    ended_document,
    farewell,
    greeting,
    listening_document,
    shown_host,
)
from failing_exchange.durable import TRIPS_KEPT_MAX
from failing_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.judge.verdict import Verdict
    from failing_exchange.observe.spans import SpanExport
    from failing_exchange.server.api_keys import Keyring
    from failing_exchange.server.venue_server import VenueServer
    from failing_exchange.venues.base import Venue

PORTS = whole(0, 65_535)
FULL = "if the database can't be written: halt or go-on"
HOST = "127.0.0.1"
PORT = 8080
CONTROL_PORT = 8090  # with --page, where no other one is given
COLLECT_EVERY = (20_000, 50, 100)  # objects, and rounds of the younger generation (`gc`)
PREFIX = "FAILING_EXCHANGE_"  # environment: the prefix and the option's name in capitals
JOURNAL = (
    "write every trip to this file as JSON lines; a name that ends in .db makes it a database from "
    "which the venue recovers after a crash"
)
VENUE_HELP = (
    "a venue by name: binance (Spot and USD-M futures), binance-usdm (futures alone), or one of "
    "yours as path.py:NAME (default binance)"
)
MARKET = (
    "a market: one of the default world by its symbol, or one of your own as "
    "symbol=DOGE/USDT,price_step=0.00001,amount_step=1,price=0.2; may be repeated (default: the "
    "five spot markets and three perpetuals of the default world)"
)
FEES = (
    "trading fees: 0.1%%, or maker=0.02%%,taker=0.04%% (default 0.1%%; of perpetuals 0.02%% and "
    "0.05%%)"
)
BALANCE = (
    "balance of the account main, as USDT=10000; may be repeated (default: plenty of each); the "
    "futures wallet begins with as much"
)
KEEP = "trips that the database keeps; older ones are deleted; 0 keeps all"
LOG_FORMAT = "what is written as: text, or json: each line an object, and --json"
ACCELERATE = "divide the venue's limits (weight, requests, orders, connects) by this number"
PLAIN = {"mode": ("FAILURE_MODE",), "rate": ("FAILURE_RATE",)}  # these two also under a plain name
SWITCHES = {
    "tls": "use TLS with a self-signed certificate (clients must not verify it)",
    "page": "show the venue in a browser, live: print the page's address; implies --control-port",
    "legacy-listen-keys": "allow user streams by listen key, as until 2026-02-20; otherwise 410",
    "any-key": "accept any well-formed key for the account main; otherwise unknown keys are "
    "refused, as by the venue",
    "judge": "judge each client; print the verdict at the end, and serve it at the control API; "
    "exit code 1 if a rule was broken",
    "verbose": "log each request and each fault that strikes on stderr, one line each",
    "reply-headers": "name each request and the faults that struck it in headers of its reply "
    "(bots can then tell faults)",
    "otel": "send a span of each request to OpenTelemetry, as the OTEL_ variables say; needs the "
    "extra otel",
    "json": "print where it listens, and at the end the verdicts, on stdout as JSON, a line each "
    "(docs/json.md); text goes to stderr",
    "uvloop": "run on uvloop, if it is installed",
}


def add_parser(commands: Any) -> None:
    """Add `serve` to the command line."""
    serve = commands.add_parser(
        "serve",
        help="serve a venue on a port, for bots in any language",
        usage="failing-exchange serve [options] [venue] [-- COMMAND ...]",
        description="Serve a venue's own REST and WebSocket protocol on a port of this machine. "
        "A COMMAND after -- is started with EXCHANGE_URL and proxy settings that point to the "
        "server; it is judged, and the server stops when it ends. "
        f"Each option can also be set by the environment variable {PREFIX}OPTION; FAILURE_MODE and "
        "FAILURE_RATE set --mode and --rate.",
    )
    serve.add_argument("venue", nargs="?", default=VENUE, help=VENUE_HELP)
    _add(serve, "host", HOST, "address to listen at")
    _add(serve, "port", PORT, "port to listen at; 0 takes a free one", PORTS)
    _add(
        serve,
        "seed",
        None,
        "seed of market and faults (default: the scenario's or journal's, or 0)",
        type=int,
    )
    _add(serve, "scenario", None, "a scenario file, or the name of a shipped one")
    _add(serve, "as-of", None, AS_OF, day)
    _add_list(serve, "market", MARKET)
    _add(serve, "fees", None, FEES)
    _add_list(serve, "balance", BALANCE)
    _add(
        serve, "keys", None, "file of API keys (TOML); without it one key pair is made and printed"
    )
    _add_journal(serve)
    _add_faults(serve)
    control = f"port of the control API and the page (default: none, with --page {CONTROL_PORT})"
    _add(serve, "control-port", None, control, PORTS)
    _add(serve, "control-token", None, "token of the control API; required off loopback")
    _add(serve, "accelerate", 1, ACCELERATE, whole(1))
    _add(serve, "log-format", "text", LOG_FORMAT, one_of("text", "json"))
    for name, text in SWITCHES.items():
        on = environment_or(False, _variable(name))
        serve.add_argument(f"--{name}", action=Switch, default=on, help=text)
    serve.set_defaults(command=serve_command, program=None)


def _add_faults(serve: Any) -> None:
    """The options that say what goes wrong, and what is judged."""
    _add(serve, "mode", None, "a failure mode, such as MIXED or TIMEOUT")
    _add(serve, "rate", 0.1, "probability of --mode and of each --fault", probability)
    _add_list(serve, "rule", RULE + "; implies --judge")
    add_choice(serve)
    _add_list(serve, "fault", FAULT)


def _add_journal(serve: Any) -> None:
    """The options of the journal."""
    _add(serve, "journal", None, JOURNAL)
    _add(serve, "journal-full", "halt", FULL, one_of("halt", "go-on"))
    survives = "what an acknowledged answer survives: kill, or power-loss (slower)"
    _add(serve, "journal-survives", "kill", survives, one_of("kill", "power-loss"))
    _add(serve, "journal-keep", TRIPS_KEPT_MAX, KEEP, whole())


def _add(parser: Any, name: str, default: Any, text: str, type: Callable[[str], Any] = str) -> None:
    """An option, its environment variable, and its converter."""
    given = environment_or(default, _variable(name), *PLAIN.get(name, ()))
    shown = "" if default is None else f" (default {default})"
    parser.add_argument(f"--{name}", type=reading(type), default=given, help=text + shown)


def _add_list(parser: Any, name: str, text: str) -> None:
    """An option that may be repeated; in the environment its values are separated by spaces."""
    given = os.environ.get(_variable(name), "").split() or None
    parser.add_argument(
        f"--{name}", action=ReplaceDefault, metavar=name.upper(), default=given, help=text
    )


def _variable(name: str) -> str:
    """The environment variable of an option."""
    return PREFIX + name.upper().replace("-", "_")


def serve_command(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; raises ConfigurationError for what can't be served."""
    import asyncio

    to_stderr()
    if options.page and options.control_port is None:
        options.control_port = CONTROL_PORT
    _check(options)
    venue = _venue(options)
    factory = _loop_factory(options.uvloop)
    with seldom_collected(), asyncio.Runner(loop_factory=factory) as runner:
        ended = runner.run(_serve(venue, options))
    verdicts = [
        judge.verdict(outside=True, crashed=ended or None) for judge in venue.judges.values()
    ]
    return _tell_end(options, venue.exchange, verdicts, is_stopped=ended is None)


def _tell_end(
    options: argparse.Namespace,
    exchange: FailingExchange,
    verdicts: Sequence[Verdict],
    *,
    is_stopped: bool,
) -> int:
    """Print what there was: as text, or as a document; the exit code."""
    program, said = options.program, [farewell(exchange)]
    code = CLEAN if all(verdict.clean for verdict in verdicts) else FINDINGS
    if program is not None and is_stopped:
        code = INTERRUPTED
    elif program is not None and not any(verdict.judged for verdict in verdicts):
        code = COULD_NOT_RUN
        said.append(f"{program[0]} has sent no request to the venue that could be judged.")
    if options.json:
        found = ended_document(exchange, verdicts, "; ".join(said))
        print_document(options.stdout, found, exit_code=code)
    if options.log_format == "text":
        said[1:1] = [f"{verdict.account}: {verdict}" for verdict in verdicts]
        print("\n".join(said), flush=True)
    return code


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Run the garbage collector rarely: a server keeps trips, and they form no cycles.

    At the usual thresholds it takes a twelfth of the time of a busy server.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _check(options: argparse.Namespace) -> None:
    """Raise ConfigurationError for options that don't go together, before anything starts."""
    if options.program == []:
        raise ConfigurationError(
            "-- is followed by nothing; expected a command, as in: -- python bot.py"
        )
    if options.program is not None:
        from failing_exchange.cli.child_program import check_program

        check_program(options.program)
    if options.control_port is not None:
        from failing_exchange.server.control_server import check_token, is_loopback

        check_token(options.control_token)
        if options.control_token is None and not is_loopback(options.host):
            raise ConfigurationError(
                f"others can reach the control API at {options.host}: give it a --control-token"
            )


def _venue(options: argparse.Namespace) -> VenueServer:
    from failing_exchange.faults.modes import FailureMode
    from failing_exchange.faults.triggers import chance
    from failing_exchange.runs.user_code import load_faults
    from failing_exchange.venues.base import like_production, venue_of

    spoken = venue_of(options.venue)
    load_faults(options.fault or ())
    rules_chosen(options)
    venue = like_production(
        spoken,
        keys=_keys(options.keys, spoken),
        limits=spoken.limits(options.accelerate),
        beside_limits={one.name: one.limits(options.accelerate) for one in spoken.served()[1:]},
        switches={"legacy_listen_keys": options.legacy_listen_keys},
        **({} if options.seed is None else {"seed": options.seed}),
        **({} if options.as_of is None else {"as_of": options.as_of}),
        scenario=options.scenario,
        journal=_journal(options),
        fees=options.fees if "=" not in (options.fees or "") else _pairs("--fees", options.fees),
        **_world(options),
    )
    if options.any_key:
        venue.keys.accept_any()
    if options.reply_headers:
        venue.mark_replies()
    exchange, durable = venue.exchange, venue.exchange.venue.durable
    is_new = durable is None or durable.is_new
    for name in (options.fault or ()) if is_new else ():  # else it comes back with the journal
        exchange.arm(name, chance(options.rate))
    if options.mode is not None and is_new:
        if options.mode not in FailureMode.__members__:
            known = ", ".join(FailureMode.__members__)
            raise ConfigurationError(f"--mode {options.mode!r}; expected one of {known}")
        exchange.set_failure_mode(FailureMode[options.mode], options.rate)
    return venue


EXAMPLES = {
    "--market": "a symbol, or symbol=DOGE/USDT,price_step=0.00001,amount_step=1,price=0.2",
    "--fees": "0.1%, or maker=0.02%,taker=0.04%",
    "--balance": "an asset and an amount, as USDT=10000",
}


def _pairs(option: str, text: str) -> dict[str, str]:
    from failing_exchange.venue.market_definitions import pairs_of

    return pairs_of(option, text, EXAMPLES[option])


def _world(options: argparse.Namespace) -> dict[str, Any]:
    """The markets and balances that are given; the rest is the scenario's."""
    found: dict[str, Any] = {}
    if options.market is not None:
        found["markets"] = [
            _pairs("--market", text) if "=" in text else text for text in options.market
        ]
    if options.balance is not None:
        found["balances"] = {}
        for text in options.balance:
            for asset, units in _pairs("--balance", text).items():
                if asset in found["balances"]:
                    raise ConfigurationError(f"--balance {text!r}: {asset} is given twice")
                found["balances"][asset] = units
    return found


def _journal(options: argparse.Namespace) -> Any:
    from failing_exchange.client.exchange import DATABASES
    from failing_exchange.durable.group_commit import WhenFull
    from failing_exchange.durable.sqlite_store import Survives

    path = options.journal
    if path is None or not path.endswith(DATABASES):
        return path
    from failing_exchange.durable.durable_journal import DurableJournal

    return DurableJournal(
        path,
        full=WhenFull(options.journal_full),
        survives=Survives(options.journal_survives),
        keep=options.journal_keep,
    )


def _keys(path: str | None, venue: Venue) -> Keyring | None:
    if path is None:
        return None
    from failing_exchange.server.api_key_file import read

    return read(path, venue.check_key)


def _loop_factory(uvloop: bool) -> Any:
    if not uvloop:
        return None
    try:
        from uvloop import new_event_loop
    except ImportError:
        raise ConfigurationError(
            "--uvloop: uvloop is not installed; pip install 'failing-exchange[uvloop]'"
        ) from None
    return new_event_loop


def _span_export(options: argparse.Namespace) -> SpanExport | None:
    """Where the spans of --otel go; None without it."""
    if not options.otel:
        return None
    from failing_exchange.observe.spans import export_of_environment

    return export_of_environment()


def _watch(venue: VenueServer, options: argparse.Namespace, export: SpanExport | None) -> None:
    """Log requests (--verbose), trace them (--otel), and judge the clients (--judge, --rule, or a
    program after `--`).
    """
    if export is not None:
        from failing_exchange.observe.spans import Spans

        Spans(export.provider).begin(venue)
    if options.verbose:
        from failing_exchange.cli.request_log import reader

        log = reader(venue.exchange.venue.markets, as_json=options.log_format == "json")
        venue.exchange.journal.readers.append(log)
    if options.judge or options.rule or options.program is not None:
        from failing_exchange.runs.user_code import rules_of

        venue.judge(*rules_of(rules_chosen(options)), client_ids=options.client_ids)


async def _serve(venue: VenueServer, options: argparse.Namespace) -> str | None:
    """Serve until a signal (None), or until the program ends: how it ended, "" for well."""
    import asyncio

    from failing_exchange.cli.child_program import ChildProgram, how_ended
    from failing_exchange.server.control_server import ControlServer
    from failing_exchange.system import on_stop

    stop = asyncio.Event()
    on_stop(asyncio.get_running_loop(), stop.set)
    ssl = None
    if options.tls:
        from failing_exchange.server.certificate import context

        ssl = context()
    ended: Any = True
    export = _span_export(options)
    async with AsyncExitStack() as closing:
        if export is not None:
            closing.push_async_callback(export.close)
        closing.push_async_callback(venue.exchange.close)
        closing.push_async_callback(venue.close)
        port = await _listening(venue, options.host, options.port, "--port", ssl=ssl)
        _watch(venue, options, export)
        control_url = ""
        if options.control_port is not None:
            control = ControlServer(venue, token=options.control_token)
            closing.push_async_callback(control.close)
            where = await _listening(control, options.host, options.control_port, "--control-port")
            control_url = f"http://{shown_host(options.host)}:{where}"
        _tell_where(options, venue, _url(options, port), control_url)
        if options.program is None:
            await stop.wait()
        else:
            program = ChildProgram(options.program, venue)
            closing.push_async_callback(program.close)
            await program.start(_url(options, port), _pair_of_bot(options))
            ended = await _first(program.wait(), stop.wait())
    return None if ended is True else how_ended(options.program[0], ended)  # True: a signal


def _tell_where(
    options: argparse.Namespace, venue: VenueServer, url: str, control_url: str
) -> None:
    """Say where it listens and how a client gets there: as text, or as a document."""
    if options.json:
        about = listening_document(options, venue.exchange, url, control_url)
        print_document(options.stdout, about)
    if options.log_format == "text":
        print(greeting(options, venue.venue, venue.exchange, url, control_url), flush=True)


def _url(options: argparse.Namespace, port: int) -> str:
    return f"{'https' if options.tls else 'http'}://{shown_host(options.host)}:{port}"


def _pair_of_bot(options: argparse.Namespace) -> dict[str, str]:
    """The keys for the program that was given after `--`, if it is told any."""
    from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

    pair = {"EXCHANGE_API_KEY": DEFAULT_KEY, "EXCHANGE_SECRET": DEFAULT_SECRET}
    return {} if options.keys is not None else pair


async def _first(*waits: Coroutine[Any, Any, Any]) -> Any:
    """The result of the first to finish; the others are cancelled."""
    import asyncio

    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()


async def _listening(server: Any, host: str, port: int, option: str, **more: Any) -> int:
    try:
        return int(await server.listen(host, port, **more))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = os.strerror(error.errno) if taken and error.errno else error.strerror or str(error)
        way = (
            f"stop what listens there, or give another {option} (0 takes a free one)"
            if taken or error.errno == errno.EACCES
            else "give a --host of this machine"
        )
        raise ConfigurationError(
            f"{shown_host(host)}:{port} can't be listened at: {why.partition(' (')[0]}; {way}"
        ) from error
