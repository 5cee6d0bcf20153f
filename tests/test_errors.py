"""The tree of errors: caught by our names, by the builtin ones, and by ccxt's where it is there."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, errors, simulate
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.unified.errors import ERRORS, error_of

ROOT = Path(__file__).parent.parent
ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, FailingExchangeError)
]
TIMED = (errors.RateLimitError, errors.BannedError, errors.ExchangeMaintenanceError)
HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "ccxt":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import importlib.machinery
found = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, *more: None if name.split(".")[0] == "ccxt" else found(name, *more)
)
"""


def run(code: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_and_copying(kind: type[FailingExchangeError]) -> None:
    """Errors cross processes in test runners; what they know must cross with them."""
    made = kind("words", reason="why")
    if isinstance(made, TIMED):
        made.retry_after = 1.25
    for same in (pickle.loads(pickle.dumps(made)), copy.copy(made)):
        assert type(same) is kind
        assert (str(same), same.reason) == ("words", "why")
        assert vars(same) == vars(made)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_error(reason: Reason) -> None:
    """And the error says which it was."""
    error = error_of(Reject(reason, "words"), 0)
    assert type(error) is ERRORS[reason]
    assert (str(error), error.reason) == ("words", reason.value)


@pytest.mark.parametrize("kind", TIMED, ids=lambda kind: kind.__name__)
def test_a_time_to_wait_is_exact_and_never_negative(kind: type[FailingExchangeError]) -> None:
    """In fractional seconds from the moment in which the client hears it."""
    reason = next(reason for reason, error in ERRORS.items() if error is kind)
    at = 1_767_225_600_000_000_000
    for until, wait in ((at + 1, 1e-9), (at + 1_234_567_890, 1.23456789), (at - 5, 0.0)):
        told: Any = error_of(Reject(reason, "", until=until), at)
        assert told.retry_after == wait
    assert error_of(Reject(reason, ""), at).retry_after is None  # type: ignore[attr-defined]


def test_the_tree_is_what_bots_sort_by() -> None:
    """What may be asked again stands apart from what may not."""
    e = errors
    assert issubclass(e.OrderRejectedError, e.ExchangeError)
    for kind in (e.InvalidOrderError, e.InsufficientBalanceError, e.SymbolNotFoundError):
        assert issubclass(kind, e.OrderRejectedError)
    for passing in (e.RateLimitError, e.ExchangeMaintenanceError, e.ConnectionLostError):
        assert issubclass(passing, e.OperationFailedError)
        assert not issubclass(passing, e.ExchangeError)
    assert issubclass(e.ConnectionLostError, ConnectionError)
    assert issubclass(e.RequestTimeoutError, asyncio.TimeoutError)
    assert issubclass(e.ConfigurationError, ValueError)
    assert not issubclass(e.InternalError, FailingExchangeError), "a bot must not swallow our bugs"


@pytest.mark.parametrize("when", ["before", "after"])
def test_ccxts_names_catch_ours(when: str) -> None:
    """Whether ccxt was imported before us or later: its classes are the same."""
    imports = ["import ccxt", "from failing_exchange import errors as e"]
    imports = imports if when == "before" else imports[::-1]
    code = "\n".join(
        [
            *imports,
            "import ccxt.async_support as a",
            "for ours, name in e.CCXT_NAMES.items():",
            "    try: raise ours('x')",
            "    except getattr(ccxt, name): pass",
            "    assert issubclass(ours, getattr(a, name))",
            "try: raise e.RequestTimeoutError('x')",
            "except ccxt.NetworkError: pass",
            "try: raise e.ConnectionLostError('x')",
            "except ccxt.NetworkError: pass",
            "assert issubclass(e.FailingExchangeError, ccxt.BaseError)",
            "print('caught')",
        ]
    )
    assert run(code) == "caught"


def test_only_ccxts_errors_are_loaded() -> None:
    """The whole of ccxt takes a second to import."""
    code = "import sys, failing_exchange.errors; print([m for m in sys.modules if 'ccxt' in m])"
    assert run(code) == "['ccxt.base.errors']"


def test_without_ccxt_the_tree_stands_alone() -> None:
    """ccxt is optional."""
    code = HIDDEN + "\n".join(
        [
            "from failing_exchange import FailingExchange, errors as e, simulate",
            "assert e.FailingExchangeError.__bases__ == (Exception,)",
            "assert issubclass(e.RequestTimeoutError, TimeoutError)",
            "async def main():",
            "    x = FailingExchange(connection_timeout=1)",
            "    x.set_failure_mode('TIMEOUT')",
            "    try: await x.create_order('BTC/USDT', 'limit', 'buy', 0.01, 30000)",
            "    except TimeoutError as error: return type(error).__name__",
            "print(simulate(main()), 'ccxt' in sys.modules)",
        ]
    )
    assert run(code) == "RequestTimeoutError False"


WORDS = {
    "INVALID_ORDER": "Invalid price",
    "INSUFFICIENT_BALANCE": "Insufficient funds",
    "INVALID_SYMBOL": "Symbol not found",
    "RATE_LIMIT": "rate limit",
    "CONNECTION_ERROR": "connection",
}


@pytest.mark.parametrize("mode", WORDS)
def test_messages_contain_the_words_that_bots_look_for(mode: str) -> None:
    """Strings are sometimes all that a bot looks at."""

    async def story() -> None:
        x = FailingExchange()
        x.set_failure_mode(mode)
        with pytest.raises(FailingExchangeError) as caught:
            await x.create_order("BTC/USDT", "limit", "buy", 0.01, 30_000)
        assert WORDS[mode].lower() in str(caught.value).lower()
        if mode != "CONNECTION_ERROR":
            assert WORDS[mode] in str(caught.value) or mode == "RATE_LIMIT"

    simulate(story())


def test_honest_refusals_say_the_same_words() -> None:
    """A fault must not be told from the truth by its words."""

    async def story() -> None:
        x = FailingExchange(balances={"USDT": 10})
        for arguments, words in (
            (("BTC/USDT", "limit", "buy", 0.01, -5), "Invalid price"),
            (("BTC/USDT", "limit", "buy", 0.01, 30_000), "Insufficient funds"),
            (("NO/SUCH", "limit", "buy", 0.01, 30_000), "Symbol not found"),
        ):
            with pytest.raises(FailingExchangeError, match=words):
                await x.create_order(*arguments)
        with pytest.raises(FailingExchangeError, match="balance"):
            await x.create_order("BTC/USDT", "limit", "buy", 0.01, 30_000)

    simulate(story())
