"""The plugin, in suites of its own: alone, beside other plugins, and where nobody asks for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LEAN = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")  # dear to import, and no part of it
ALONE = ("-p", "no:asyncio", "-p", "no:anyio", *LEAN)
OPTION = "--failing-exchange-seed"
SCOPE = "asyncio_default_fixture_loop_scope=function"  # or pytest-asyncio warns that it is unset
STRICT = ("-p", "no:anyio", *LEAN, "-o", SCOPE)

STORY = """
import asyncio, time
import pytest
from failing_exchange.faults.triggers import nth

async def test_a_day_takes_no_time(virtual_time):
    began = time.time()
    await asyncio.sleep(86_400)
    assert time.time() - began == 86_400

async def test_it_is_honest(failing_exchange):
    order = await failing_exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
    assert order["status"] == "open"

@pytest.mark.faults("lose_answer", when=nth(1), operations="create_order")
async def test_the_marker_arms(failing_exchange):
    with pytest.raises(TimeoutError):
        await failing_exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
    assert len(await failing_exchange.fetch_open_orders()) == 1

@pytest.mark.faults("TIMEOUT", probability=1.0, params={"executed": "after"})
@pytest.mark.faults("RATE_LIMIT", probability=0.0)
class TestInAClass:
    async def test_modes_too(self, failing_exchange):
        with pytest.raises(TimeoutError):
            await failing_exchange.fetch_balance()

def test_that_is_not_async(virtual_time):
    asyncio.run(asyncio.sleep(86_400))

@pytest.mark.parametrize("amount", [0.1, 0.2])
async def test_parameters(failing_exchange, amount):
    order = await failing_exchange.create_order("BTC/USDT", "limit", "buy", amount, 40_000)
    assert order["amount"] == amount
"""


@pytest.mark.parametrize("beside", [ALONE, STRICT, (*STRICT, "-o", "asyncio_mode=auto")])
def test_async_tests_run_in_virtual_time(
    pytester: pytest.Pytester, beside: tuple[str, ...]
) -> None:
    """Without another plugin, and beside pytest-asyncio in both of its modes."""
    pytester.makepyfile(STORY)
    ran = pytester.runpytest_subprocess(*beside, "-W", "error")
    ran.assert_outcomes(passed=7)


def test_beside_anyio(pytester: pytest.Pytester) -> None:
    """Its tests are its own, ours are ours."""
    pytester.makepyfile(
        STORY
        + """
@pytest.mark.anyio
async def test_of_anyio(anyio_backend_name):
    assert type(asyncio.get_running_loop()).__name__ != "VirtualLoop"

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
    )
    ran = pytester.runpytest_subprocess("-p", "no:asyncio", *LEAN)
    ran.assert_outcomes(passed=8)


def test_the_others_keep_their_tests(pytester: pytest.Pytester) -> None:
    """A test that does not ask for us runs on the loop that it always had."""
    pytester.makepyfile(
        """
        import asyncio

        async def test_of_pytest_asyncio():
            assert type(asyncio.get_running_loop()).__name__ != "VirtualLoop"
        """
    )
    ran = pytester.runpytest_subprocess(*STRICT, "-o", "asyncio_mode=auto")
    ran.assert_outcomes(passed=1)


def test_a_suite_without_us_imports_nothing(pytester: pytest.Pytester) -> None:
    """To be installed must cost nothing."""
    pytester.makepyfile(
        """
        import sys

        def test_plain():
            loaded = {name for name in sys.modules if name.startswith("failing_exchange")}
            names = ("", ".errors", ".client", ".client.running_test")
            names += (".testing", ".testing.pytest_plugin")
            assert loaded <= {f"failing_exchange{name}" for name in names}
        """
    )
    ran = pytester.runpytest_subprocess(*ALONE)
    ran.assert_outcomes(passed=1)


def test_the_ini_option_takes_all_async_tests(pytester: pytest.Pytester) -> None:
    """For a suite that is all about a bot."""
    pytester.makeini("[pytest]\nfailing_exchange_virtual = true\n")
    pytester.makepyfile(
        """
        import asyncio

        async def test_without_a_fixture():
            assert type(asyncio.get_running_loop()).__name__ == "VirtualLoop"
            await asyncio.sleep(86_400)
        """
    )
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=1)


def test_a_fixture_of_that_name_may_be_ones_own(pytester: pytest.Pytester) -> None:
    """As in the document that this project began with; under another name it works, too."""
    pytester.makepyfile(
        """
        import asyncio
        import pytest
        from failing_exchange import FailingExchange, FailureMode, place_order_with_retry

        @pytest.fixture
        def failing_exchange():
            exchange = FailingExchange()
            exchange.set_failure_mode(FailureMode.RANDOM, probability=0.1)
            return exchange

        @pytest.fixture
        def venue():
            return FailingExchange()

        async def test_order_retry_logic(failing_exchange):
            order = await place_order_with_retry(
                failing_exchange, symbol="BTC/USDT", type="limit", side="buy", amount=0.1,
                price=50000,
            )
            assert order["status"] in ["open", "closed"]

        async def test_another_name(venue):
            assert type(asyncio.get_running_loop()).__name__ == "VirtualLoop"
            assert await venue.fetch_time()
        """
    )
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=2)


def test_a_failure_shows_both_columns_and_how_to_see_it_again(pytester: pytest.Pytester) -> None:
    """The line is pasted, the same failure is seen."""
    pytester.makepyfile(
        test_bot="""
        import asyncio
        import pytest

        @pytest.mark.faults("lose_answer", when="nth(1)", operations="create_order")
        async def test_fails(failing_exchange):
            with pytest.raises(TimeoutError):
                await failing_exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
            order = await failing_exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
            await failing_exchange.cancel_order("1")
            assert len(await failing_exchange.fetch_open_orders()) == 2

        async def test_waits_for_ever(failing_exchange):
            await asyncio.Event().wait()

        @pytest.mark.faults("lose_anser")
        async def test_misspelt(failing_exchange):
            pass

        @pytest.mark.faults
        async def test_of_nothing(failing_exchange):
            pass
        """
    )
    ran = pytester.runpytest_subprocess(*ALONE)
    ran.assert_outcomes(failed=4)
    ran.stdout.fnmatch_lines(["*waits in Event.wait() at *", "*did you mean 'lose_answer'*"])
    ran.stdout.fnmatch_lines(["*names no fault; expected one of the catalogue*"])
    ran.stdout.no_fnmatch_line("*_run_once*")
    ran.stdout.fnmatch_lines(["*HAPPENED*TOLD*", "*order 1 accepted*nothing*"])
    held = "order 2 open: 0 of 0.1 filled"
    ran.stdout.fnmatch_lines([f"*order 2 accepted*{held}*", f"*fetch_open_orders*{held}*"])
    again = [line for line in ran.outlines if line.startswith("again: pytest ")]
    assert len(again) == 4
    seed = again[0].rsplit(" ", 1)[1]
    second = pytester.runpytest_subprocess(*ALONE, "-k", "test_fails", OPTION, seed)
    second.stdout.fnmatch_lines([f"*seed {seed}; *"])
    assert max(len(line) for line in ran.outlines if "order 1" in line) <= 100


def test_the_line_that_runs_a_test_again_is_meant_for_where_one_is(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the root of the suite, too, and for a test that has virtual time alone."""
    pytester.makepyprojecttoml("[tool.pytest.ini_options]")
    inner = pytester.mkdir("inner")
    test = inner / "test_inner.py"
    test.write_text("async def test_fails(virtual_time):\n    assert False\n")
    monkeypatch.chdir(inner)
    ran = pytester.runpytest_subprocess(*ALONE)
    again = next(line for line in ran.outlines if line.startswith("again: pytest "))
    assert again.startswith(f"again: pytest 'test_inner.py::test_fails' {OPTION} ")


def test_the_mark_of_pytest_asyncio_does_no_harm(pytester: pytest.Pytester) -> None:
    """In strict mode people write it on each test."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        async def test_marked(failing_exchange):
            assert await failing_exchange.fetch_time()
        """
    )
    pytester.runpytest_subprocess(*STRICT, "-W", "error").assert_outcomes(passed=1)


def test_an_exchange_that_a_test_makes_itself_is_as_good_as_the_fixture(
    pytester: pytest.Pytester,
) -> None:
    """The README's first example runs in a suite; when it fails, it shows its columns."""
    pytester.makepyfile(
        """
        import asyncio
        from failing_exchange import FailingExchange
        from failing_exchange.faults.triggers import nth

        async def test_runs():
            exchange = FailingExchange(seed=7)
            await asyncio.sleep(86_400)
            assert await exchange.fetch_open_orders() == []

        async def test_fails():
            exchange = FailingExchange(seed=7)
            exchange.arm("lose_answer", nth(1), operations="create_order")
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
        """
    )
    ran = pytester.runpytest_subprocess(*ALONE)
    ran.assert_outcomes(passed=1, failed=1)
    ran.stdout.fnmatch_lines(["*HAPPENED*TOLD*", "*order 1 accepted*nothing*"])


def test_an_async_test_that_nobody_runs_is_told_how(pytester: pytest.Pytester) -> None:
    """pytest itself names plugins that would run it in real time only."""
    pytester.makepyfile("async def test_of_nobody():\n    assert True\n")
    ran = pytester.runpytest_subprocess(*ALONE)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(
        ["*take the fixture `failing_exchange`*", "*failing_exchange_virtual*"]
    )


MADE_WITH = """import pytest

async def test_of_the_suite(failing_exchange):
    assert (await failing_exchange.fetch_balance())["total"] == {"USDT": 500}
    assert (await failing_exchange.fetch_trading_fees())["BTC/USDT"]["maker"] == 0.0005

@pytest.mark.exchange(balances={"USDT": 100}, markets=["BTC/USDT"])
class TestClass:
    async def test_of_the_class(self, failing_exchange):
        assert (await failing_exchange.fetch_balance())["total"] == {"USDT": 100}
        assert failing_exchange.symbols == ["BTC/USDT"]

    @pytest.mark.exchange(balances={"USDT": 7})
    async def test_of_its_own(self, failing_exchange):
        assert (await failing_exchange.fetch_balance())["total"] == {"USDT": 7}

@pytest.mark.exchange(scenario="order_timeout_after_accept")
async def test_of_a_scenario(failing_exchange):
    assert "lose_answer" in str(failing_exchange.armed)

@pytest.mark.exchange(balance={"USDT": 7})
async def test_misspelt(failing_exchange):
    pass

@pytest.mark.exchange({"USDT": 7})
async def test_without_a_name(failing_exchange):
    pass
"""


def test_markers_and_a_fixture_say_what_the_exchange_is_made_with(
    pytester: pytest.Pytester,
) -> None:
    """Balances, markets, fees, a scenario: for a suite, a class or a test, the closest wins."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def failing_exchange_options():
            return {"balances": {"USDT": 500}, "fees": "0.05%"}
        """
    )
    pytester.makepyfile(MADE_WITH)
    ran = pytester.runpytest_subprocess(*ALONE)
    ran.assert_outcomes(passed=4, errors=2)
    ran.stdout.fnmatch_lines(["*takes no option 'balance'; did you mean 'balances'*"])
    ran.stdout.fnmatch_lines(["*expected options by name*"])


def test_the_examples_of_the_manual_pass(pytester: pytest.Pytester) -> None:
    """Each block is pasted into a suite."""
    manual = (Path(__file__).parent.parent / "docs" / "pytest.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    pytester.makeconftest(blocks.pop(2))
    pytester.makepyfile(**{f"test_{n}": block for n, block in enumerate(blocks)})
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=4)


def test_a_marker_with_nothing_to_act_on_is_refused(pytester: pytest.Pytester) -> None:
    """The test passed, and its fault had never been armed."""
    pytester.makepyfile(
        """
        import pytest
        from failing_exchange import FailingExchange
        from failing_exchange.faults.triggers import nth

        @pytest.mark.faults("lose_answer", when=nth(1))
        async def test_makes_its_own():
            await FailingExchange().fetch_time()
        """
    )
    ran = pytester.runpytest_subprocess(*ALONE)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*the marker 'faults' has nothing to act on: take the fixture*"])


PLAIN = """
import asyncio, threading, time, urllib.error, urllib.request

import pytest
from failing_exchange import simulate
from failing_exchange.virtual.errors import SimulationError, UnknownHost

def ask(path="ping", host="api.binance.com"):
    return urllib.request.urlopen(f"https://{host}/api/v3/{path}").status

@pytest.mark.faults("reject_request", operations="fetch_time")
@pytest.mark.parametrize("hours", [1, 2])
def test_its_body_runs_in_virtual_time(failing_exchange, hours, tmp_path):
    began = time.time()
    thread = threading.Thread(target=time.sleep, args=(hours * 3_600,))
    thread.start()
    thread.join()
    assert time.time() - began == hours * 3_600
    assert ask() == 200
    with pytest.raises(urllib.error.HTTPError):
        ask("time")
    operations = [trip.operation for trip in failing_exchange.journal.trips]
    assert operations[-2:] == ["fetch_status", "fetch_time"]

def test_the_client_is_asynchronous(failing_exchange):
    order = asyncio.run(failing_exchange.create_order("BTC/USDT", "market", "buy", 0.1))
    assert order["status"] == "closed"
    assert ask() == 200

def test_the_real_network_is_out_of_reach(failing_exchange):
    with pytest.raises(UnknownHost):
        ask(host="example.com")

def test_it_needs_no_simulation(failing_exchange):
    with pytest.raises(SimulationError, match="in virtual time already"):
        simulate(ask)

def test_skipped(failing_exchange):
    pytest.skip("for a reason")

def test_that_fails(failing_exchange):
    assert ask() == 201

def test_of_ordinary_code(failing_exchange, virtual_time):
    with pytest.raises(RuntimeError, match="would leave the simulation"):
        ask()
    asyncio.run(failing_exchange.fetch_time())

def test_of_ours_no_more():
    assert time.time() > 1_767_312_000
"""


def test_a_plain_test_runs_as_a_blocking_program(pytester: pytest.Pytester) -> None:
    """Blocking clients trade at its exchange, and never at the real one: that would be costly."""
    pytester.makepyfile(PLAIN)
    ran = pytester.runpytest_subprocess(*ALONE)
    ran.assert_outcomes(passed=7, failed=1, skipped=1)
    ran.stdout.fnmatch_lines(["*assert 200 == 201*", "*seed *; the last 1 of 1 trips:*"])
