"""Every example of the document that this project began with, word for word."""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import failing_exchange
from failing_exchange import FailingExchange, simulate, virtual_time

ROOT = Path(__file__).parent.parent
SEED = (ROOT / "docs" / "exchange_failures.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", SEED, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^```bash\n(.*?)^```", SEED, re.MULTILINE | re.DOTALL)
LIBRARY = {"place_order_with_retry", "robust_order_placement"}


def namespace() -> dict[str, Any]:
    """What the examples leave out: imports, a logger, the exchange that some speak of."""
    names = {name: getattr(failing_exchange, name) for name in failing_exchange.__all__}
    return {
        **names,
        "__name__": "seed",
        "asyncio": asyncio,
        "time": time,
        "pytest": pytest,
        "datetime": datetime,
        "timedelta": timedelta,
        "logger": logging.getLogger("seed"),
        "exchange": FailingExchange(),
    }


def compiled(block: str) -> CodeType:
    """A block as code; some of them await at the top."""
    code: CodeType = compile(block, "seed", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


def title(block: str) -> str:
    """A readable name for a block: its first function, class or line."""
    found = re.search(r"^(?:async )?(?:def|class) (\w+)", block, re.MULTILINE)
    return found.group(1) if found else block.strip().splitlines()[0][:40]


SCRIPTS = [block for block in BLOCKS if "asyncio.run(" in block]
STORIES = [
    block
    for block in BLOCKS
    if re.match(r"async def test_\w+\(\):", block) and block not in SCRIPTS
]
REST = [block for block in BLOCKS if block not in SCRIPTS and block not in STORIES]


def test_the_document_is_all_there() -> None:
    """A block that is not found is not tested."""
    assert (len(SCRIPTS), len(STORIES), len(REST), len(COMMANDS)) == (2, 6, 9, 1)


@pytest.mark.parametrize("block", STORIES, ids=title)
@pytest.mark.parametrize("seed", range(3))
def test_stories_hold(block: str, seed: int) -> None:
    """The six failure scenarios, each a coroutine function without arguments."""

    async def story() -> None:
        names = namespace()
        exec(compiled(block), names)
        await names[title(block)]()

    simulate(story(), seed=seed)


@pytest.mark.parametrize("block", SCRIPTS, ids=title)
def test_scripts_run_unedited(block: str) -> None:
    """They end in asyncio.run(...), which virtual time routes to its own loop."""
    with virtual_time():
        exec(compiled(block), namespace())


@pytest.mark.parametrize("block", REST, ids=title)
def test_fragments_run(block: str) -> None:
    """Set-up, best practices and look-ups: each runs, and what it defines can be used."""

    async def story() -> None:
        names = namespace()
        ran = eval(compiled(block), names)
        if inspect.iscoroutine(ran):
            await ran
        use = USES.get(title(block))
        if use is not None:
            await use(names)

    simulate(story())


async def _place(names: dict[str, Any]) -> None:
    exchange = FailingExchange()
    exchange.set_failure_mode("CONNECTION_ERROR", 0.3, {"executed": "after"})
    order = await names["robust_order_placement"](
        exchange, symbol="BTC/USDT", type="limit", side="buy", amount=0.1, price=50000
    )
    assert order["status"] == "open"


async def _sync(names: dict[str, Any]) -> None:
    order = await names["exchange"].create_order("BTC/USDT", "limit", "buy", 0.01, 40000)
    await names["maintain_consistency"]()
    await asyncio.sleep(40)
    await names["exchange"].cancel_order(order["id"])
    await asyncio.sleep(40)


async def _rate(names: dict[str, Any]) -> None:
    exchange = names["exchange"]
    failed = 0
    for _ in range(1_000):
        try:
            await exchange.fetch_time()
        except failing_exchange.FailingExchangeError:
            failed += 1
    assert 0 < failed < 60


async def _unit(names: dict[str, Any]) -> None:
    made = names["failing_exchange"]._get_wrapped_function()()
    await names["test_order_retry_logic"](made)


USES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "get_time_based_failure_rate": _rate,
    "robust_order_placement": _place,
    "maintain_consistency": _sync,
    "failing_exchange": _unit,
}


def commands() -> list[list[str]]:
    """The commands of the document's shell block."""
    text = COMMANDS[0].replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("command", commands(), ids=lambda c: " ".join(c[3:6]))
def test_commands_run(command: list[str], tmp_path: Path) -> None:
    """`python -m tests.mocks.failing_exchange …` from a checkout."""
    assert command[0] == "python"
    result = tmp_path / "exchange_test.json"
    ran = subprocess.run(
        [sys.executable, *command[1:], "--output", str(result)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert result.stat().st_size > 0
