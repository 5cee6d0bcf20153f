"""An agent's run: its calls, what it believed, and whether it passed its task."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from failing_exchange.agents.card import card_text
from failing_exchange.agents.session import AgentConfig, AgentSession, ToolCall
from failing_exchange.agents.tasks import TASKS
from failing_exchange.errors import ConfigurationError
from tests.agents.scripted import SPOT, Agent, Stop, careful, naive

Script = Callable[[Agent], Any]


def played(script: Script, **config: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(results, answers) of a scripted agent."""
    agent = Agent(script)
    results = AgentSession(AgentConfig(**config), agent).play()
    if agent.failed is not None:
        raise agent.failed
    return results, agent.answers


@pytest.mark.parametrize("task", TASKS)
def test_a_careful_agent_passes_each_task_and_a_naive_one_fails(task: str) -> None:
    """A pass mark that everybody or nobody meets measures nothing."""
    for seed in range(3):
        results, _ = played(careful(task), task=task, seed=seed)
        assert results["agent"]["unmet"] == []
        assert results["agent"]["passed"]
        results, _ = played(naive(task), task=task, seed=seed)
        assert not results["agent"]["passed"]


def test_the_same_calls_have_the_same_answers() -> None:
    """An agent's night is replayed by seed; how long it thinks changes nothing."""
    runs = [played(careful("bad-night"), task="bad-night", seed=5) for _ in range(2)]
    assert json.dumps(runs[0]) == json.dumps(runs[1])
    other = played(careful("bad-night"), task="bad-night", seed=6)
    assert json.dumps(other[1]) != json.dumps(runs[0][1])


def test_what_it_believed_stands_beside_the_truth() -> None:
    """An agent that holds a wrong belief costs money, whatever it says of itself."""

    async def script(agent: Agent) -> None:
        await agent.ask("create_order", symbol=SPOT, side="buy", type="market", amount=0.1)
        await agent.ask("wait", seconds=600)  # the judge gives it time to learn
        await agent.ask("state_belief", holdings={"BTC": 100.0}, open_orders=["7"])

    results, _ = played(script, scenario="calm", seed=1)
    (belief,) = results["agent"]["beliefs"]
    assert not belief["true"]
    assert belief["true_holdings"]["BTC"] == pytest.approx(100.0999)
    assert results["verdict"]["wrong"] > 4_000
    card = card_text(results)
    assert (
        "true statements: 0 of 1 (false: BTC 100 (in truth 100.0999), 1 open orders (in truth 0))"
        in card
    )
    assert "tool calls: 3 (create_order 1, wait 1, state_belief 1; 0 with an error)" in card


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (ToolCall("nothing", {}), "no tool 'nothing'"),
        (ToolCall("ticker", {}), "missing a required argument: 'symbol'"),
        (ToolCall("ticker", {"symbol": "BTC/USD"}), "BTC/USD"),
        (ToolCall("ticker", {"symbol": "x" * 201}), "longer than 200 characters"),
        (ToolCall("wait", {"seconds": 3_601}), "at most 3600"),
        (ToolCall("wait", {"seconds": "long"}), "TypeError"),
        (ToolCall("candles", {"symbol": SPOT, "limit": 101}), "expected 1 to 100"),
        (ToolCall("order", {"symbol": SPOT}), "give order_id or client_order_id"),
        (ToolCall("state_belief", {"holdings": {"BTX": 1}}), "did you mean 'BTC'"),
        (ToolCall("truth", {}), "no tool 'truth'"),
    ],
)
def test_a_wrong_call_is_answered_and_the_run_goes_on(call: ToolCall, why: str) -> None:
    """A model makes up names and values; what it is told lets it do better."""

    async def script(agent: Agent) -> None:
        assert why in (await agent.ask(call.tool, **call.arguments))["error"]
        assert "result" in await agent.ask("ticker", symbol=SPOT)

    results, answers = played(script, seed=1)
    assert len(answers) == len(results["agent"]["calls"]) == 2


def test_the_operator_has_tools_of_its_own() -> None:
    """Who plays the venue can arm, cause and see; the agent that is tested can't."""

    async def script(agent: Agent) -> None:
        await agent.ask("arm_fault", kind="lose_answer", when="nth(1)", operations=["create_order"])
        await agent.ask("cause_incident", do="move_price",
                        parameters={"symbol": SPOT, "percent": -5})  # fmt: skip
        lost = await agent.ask(
            "create_order", symbol=SPOT, side="buy", type="limit", amount=0.1, price=30_000
        )
        assert "RequestTimeoutError" in lost["error"]
        (armed,) = (await agent.ask("armed_faults"))["result"]
        assert (armed["kind"], armed["struck"]) == ("lose_answer", 1)
        assert len((await agent.ask("truth"))["result"]["open_orders"]) == 1
        told = (await agent.ask("requests", limit=1))["result"][0]
        assert "accepted" in told["happened"] and "nothing" in told["told"]
        assert "sentence" in (await agent.ask("verdict"))["result"]
        assert (await agent.ask("start_scenario", name="calm"))["result"]["armed"] == 2
        assert (await agent.ask("disarm_fault"))["result"]["armed"] == 0
        assert "lose_answer" in (await agent.ask("list_faults"))["result"]
        assert "halt" in (await agent.ask("list_incidents"))["result"]
        assert "no scenario" in (await agent.ask("start_scenario", name="../x"))["error"]
        assert "calm" in (await agent.ask("list_scenarios"))["result"]

    played(script, operator=True, seed=1)


def test_the_run_ends_with_its_time() -> None:
    """An agent that waits for ever is told, and its card is there all the same."""

    async def script(agent: Agent) -> None:
        with pytest.raises(Stop):
            while True:
                await agent.ask("wait", seconds=600)

    results, answers = played(script, duration=1_800.0, seed=1)
    assert answers[-1] == {"error": "the run is over: its time has passed", "over": True}
    assert len(results["agent"]["calls"]) == 2
    assert results["again"] == "failing-exchange mcp --seed 1 --duration 1800.0"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"task": "bad-nihgt"}, "did you mean 'bad-night'"),
        ({"scenario": "nowhere"}, "nowhere"),
        ({"task": "bad-night", "scenario": "calm"}, "leave out --scenario calm"),
    ],
)
def test_a_wrong_configuration_is_told_before_anything_runs(
    config: dict[str, Any], why: str
) -> None:
    """A slip in a name must not begin a run."""
    with pytest.raises(ConfigurationError, match=why):
        AgentConfig(**config).check()
