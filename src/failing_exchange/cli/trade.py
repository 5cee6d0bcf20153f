"""The command `trade`: a reference bot trades on a served venue, through an unmodified ccxt."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.cli.options import (
    FromEnvironment,
    environment_or,
    on_or_off,
    one_of,
    reading,
    seconds,
    whole,
)
from failing_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    from failing_exchange.venues.base import Venue

URL = "http://127.0.0.1:8080"
DEFAULT_VENUE = "binance"
RETRIES = 3
CONNECT_S = 5.0  # until the first connection must be open
WAITING_MS = 10_000  # until ccxt gives up a request


def add_parser(commands: Any) -> None:
    """Add `trade` to the command line."""
    trade = commands.add_parser(
        "trade",
        help="let a reference bot trade on a served venue",
        description="Let a reference bot trade on a served venue, through ccxt. The environment "
        "variables EXCHANGE_URL, ENABLE_RETRIES (false: the naive bot) and MAX_RETRIES set the "
        "options.",
    )
    add = trade.add_argument
    url = environment_or(URL, "EXCHANGE_URL")
    add("--url", default=url, help=f"URL of the venue (default {url})")
    add("--venue", default=DEFAULT_VENUE, metavar="NAME", help="which one it is (default binance)")
    bot = environment_or("careful", "ENABLE_RETRIES")
    add("--bot", type=reading(_bot), default=bot, help="careful (the default) or naive")
    retries = environment_or(RETRIES, "MAX_RETRIES")
    add(
        "--retries",
        type=reading(whole()),
        default=retries,
        help="attempts after the first one (default 3)",
    )
    add("--duration", type=seconds, help="seconds, or 10m, 1h (default: until Ctrl-C)")
    trade.set_defaults(command=trade_command)


def _bot(text: str) -> str:
    """The bot by its name; of ENABLE_RETRIES: whether it is the careful one."""
    if isinstance(text, FromEnvironment):
        return "careful" if on_or_off(text) else "naive"
    return one_of("careful", "naive")(text)


def trade_command(options: argparse.Namespace) -> int:
    """Trade until the time is over, SIGTERM or Ctrl-C; then print what the bot believes."""
    import asyncio

    from failing_exchange.venues.base import venue_of

    venue = venue_of(options.venue)
    if not venue.ccxt_ids:
        raise ConfigurationError(f"--venue {options.venue}: ccxt has no class for {venue.title}")
    _check_reachable(options.url)
    exchange = _exchange(options, venue)
    print(asyncio.run(_trade(exchange, options)), flush=True)
    if not exchange.markets:  # the first thing that ccxt asks for
        raise ConfigurationError(f"no venue answered at {options.url}; is one served there?")
    return CLEAN


def _check_reachable(url: str) -> None:
    """Raise ConfigurationError at once where nothing listens; a bot would try for ever."""
    import socket
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError as error:
        raise ConfigurationError(f"--url {url!r}: {error}; expected something like {URL}") from None
    if host is None or parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"--url {url!r}: expected something like {URL}")
    try:
        socket.create_connection((host, port), timeout=CONNECT_S).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigurationError(
            f"--url {url}: nothing answers there ({why}); start a venue with "
            f"`failing-exchange serve binance --port {port}`"
        ) from error


def _exchange(options: argparse.Namespace, venue: Venue) -> Any:
    from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
    from failing_exchange.testing.ccxt_clients import redirect

    try:
        import ccxt.async_support as ccxt
    except ImportError:
        raise ConfigurationError("trade needs ccxt; pip install 'failing-exchange[ccxt]'") from None
    exchange = getattr(ccxt, venue.ccxt_ids[0])(
        {
            "apiKey": DEFAULT_KEY,
            "secret": DEFAULT_SECRET,
            "timeout": WAITING_MS,
            "verify": False,  # the certificate of a venue with --tls is self-signed
        }
    )
    exchange.max_retries = options.retries
    return redirect(exchange, options.url, venue=venue)


async def _trade(exchange: Any, options: argparse.Namespace) -> str:
    import asyncio

    from failing_exchange.runs.bot_process import BotProcess
    from failing_exchange.runs.bots import BOTS, Notebook
    from failing_exchange.system import on_stop

    notebook = Notebook()
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    bot = BotProcess(BOTS[options.bot], {"exchange": exchange, "notebook": notebook}, over)
    on_stop(loop, over.cancel)
    print(f"trade: the {options.bot} bot at {options.url}", flush=True)
    try:
        await asyncio.wait({over}, timeout=options.duration)
        crashed = bot.ending().crashed
    finally:
        await bot.end()
        await exchange.close()
    if crashed is not None:
        raise ConfigurationError(f"the {options.bot} bot has died: {crashed}")
    done = sum(intent.done for intent in notebook.intents)
    believed = ", ".join(f"{amount:+.5f} {a}" for a, amount in notebook.believed.items())
    return f"stopped: {done} of {len(notebook.intents)} orders done; it believes {believed or '0'}"
