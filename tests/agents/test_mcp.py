"""The agent's door as a client of the protocol meets it: the SDK's own, over stdio and HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from failing_exchange.agents import mcp_server
from failing_exchange.agents.session_client import CallFailed
from failing_exchange.agents.trader import Trader, tools_of
from failing_exchange.cli.main import main
from failing_exchange.errors import ConfigurationError
from tests.agents.scripted import SPOT, Ask, carefully_bought, carefully_closed
from tests.pages import examples, pages

mcp = pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
COMMAND = ("-m", "failing_exchange", "mcp")
ORDER = {"symbol": SPOT, "side": "sell", "type": "market", "amount": 1}
OPERATORS = {"arm_fault", "cause_incident", "truth", "verdict"}


def asking(client: Any) -> Ask:
    """ToolCall tools as the scripted agents do."""

    async def ask(tool: str, /, **arguments: Any) -> dict[str, Any]:
        found = await client.call_tool(tool, arguments)
        text = "".join(part.text for part in found.content)
        return {"error": text} if found.is_error else json.loads(text)

    return ask


@asynccontextmanager
async def over_stdio(*options: str) -> AsyncIterator[Any]:
    parameters = mcp.StdioServerParameters(command=sys.executable, args=[*COMMAND, *options])
    async with mcp.Client(parameters) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "script"), [("answer-lost", carefully_bought), ("bad-night", carefully_closed)]
)
def test_an_agent_passes_its_task_over_stdio(
    task: str, script: Callable[[Ask], Awaitable[None]], tmp_path: Path
) -> None:
    """The SDK's client, the command, the process of the venue, the results file and its page."""
    output = tmp_path / "run.json"

    async def story() -> None:
        async with over_stdio("--task", task, "--seed", "1", "--output", str(output)) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert set(tools) == {*tools_of(Trader), "task", "finish"}
            assert all(tool.description for tool in tools.values())
            asked = tools["create_order"].input_schema["properties"]
            assert asked["side"]["enum"] == ["buy", "sell"]
            brief = (await client.call_tool("task", {})).content[0].text
            assert brief == (await client.get_prompt("task")).messages[0].content.text
            await script(asking(client))
            wrong = await client.call_tool("create_order", {"symbol": SPOT, "side": "hold"})
            assert wrong.is_error
            assert (await client.call_tool("finish", {})).content[0].text == "The run is over."
            late = await client.call_tool("ticker", {"symbol": SPOT})
            assert late.is_error and "the run is over" in late.content[0].text

    asyncio.run(story())
    results = json.loads(output.read_text(encoding="utf-8"))
    assert (results["agent"]["task"], results["agent"]["passed"]) == (task, True)
    assert main(["report", str(output), "-o", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f'"task {task}","value":"passed"' in page


@pytest.mark.slow
def test_an_agent_that_goes_leaves_results(tmp_path: Path) -> None:
    """A client that closes without `finish` ends the run; nothing is lost."""
    output = tmp_path / "run.json"

    async def story() -> None:
        async with over_stdio("--operator", "--output", str(output)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} >= OPERATORS
            await asking(client)("ticker", symbol=SPOT)

    asyncio.run(story())
    assert [call["tool"] for call in json.loads(output.read_text())["agent"]["calls"]] == ["ticker"]


@pytest.mark.slow
def test_an_agent_over_http_and_ctrl_c() -> None:
    """HTTP listens on loopback, refuses a foreign Host, and ends with Ctrl-C and the card."""
    server = subprocess.Popen(
        [sys.executable, *COMMAND, "--http", "0", "--real-time", "--seed", "3"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    (url,) = re.findall(r"http://127[.]0[.]0[.]1:\d+/mcp", server.stdout.readline())

    async def story() -> None:
        async with mcp.Client(url) as client:
            assert "result" in await asking(client)("ticker", symbol=SPOT)
            assert "result" in await asking(client)("wait", seconds=0.01)
            check_refusals(await refused(client))

    try:
        asyncio.run(story())
        for name, value in (("Host", "evil.example"), ("Origin", "http://evil.example")):
            with pytest.raises(HTTPError, match="421|403"):
                urlopen(Request(url, b"{}", {**JSON, name: value}), timeout=10)
    finally:
        server.send_signal(signal.SIGINT)
        told = server.communicate(timeout=60)[1]
    assert "tool calls: 3 (ticker 1, wait 1, order 1; 1 with an error)" in told
    assert "Traceback" not in told
    assert server.returncode == 0, told


def manual() -> list[str]:
    """The Python examples of docs/howto/agents.md: the scripted agent, and the one with a model."""
    (page,) = [page for page in pages() if page.name == "agents.md"]
    return [one.text for one in examples(page) if one.language == "python"]


@pytest.mark.slow
def test_the_manuals_agent_runs() -> None:
    """docs/howto/agents.md: a reader pastes it, and puts a model where it decides."""
    ran = subprocess.run(
        [sys.executable, "-c", manual()[0]], capture_output=True, text=True, timeout=120, check=True
    )
    assert '"clientOrderId": "mine-1"' in ran.stdout


def tool_call(name: str, arguments: str) -> dict[str, Any]:
    """What a model says that wants a tool, in the form of OpenAI's chat completions."""
    function = {"name": name, "arguments": arguments}
    called = [{"id": f"call-{name}", "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": called}


# What the model of the next test says, in turn.
BOUGHT = json.dumps({**ORDER, "side": "buy", "amount": 0.1, "client_order_id": "mine"})
LOOKED = json.dumps({"symbol": SPOT, "client_order_id": "mine"})
SAID = [
    tool_call("create_order", "{not JSON"),
    tool_call("create_order", BOUGHT),
    tool_call("order", LOOKED),
    tool_call("state_belief", '{"holdings": {"BTC": 100.0999}}'),
    tool_call("finish", ""),
]


class Model(BaseHTTPRequestHandler):
    """An endpoint of a model, which says what it was told to say."""

    said: ClassVar[list[dict[str, Any]]]
    asked: ClassVar[list[dict[str, Any]]]

    def do_POST(self) -> None:
        """Answer the next of its sentences."""
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        body = json.dumps({"choices": [{"message": self.said.pop(0)}]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.mark.slow
def test_the_manuals_agent_with_a_model_runs(tmp_path: Path) -> None:
    """With a scripted endpoint in place of a model: the whole loop, and the results of the run."""
    Model.said, Model.asked = list(SAID), []
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as endpoint:
        threading.Thread(target=endpoint.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{endpoint.server_address[1]}/v1/chat/completions"
        ran = subprocess.run(
            [sys.executable, "-c", manual()[1]], env={**os.environ, "MODEL_URL": url},
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        endpoint.shutdown()
    assert "5 calls: create_order create_order order state_belief finish" in ran.stdout
    first, last = Model.asked[0], Model.asked[-1]
    assert {tool["function"]["name"] for tool in first["tools"]} >= {"create_order", "finish"}
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    told = [one["content"] for one in last["messages"] if one["role"] == "tool"]
    assert "are not JSON" in told[0]
    assert "whether the venue acted is unknown" in told[1]
    agent = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["agent"]
    assert (agent["task"], agent["passed"]) == ("answer-lost", True)


def test_an_argument_that_a_tool_does_not_have_is_refused() -> None:
    """A stop that is misspelled must not become an order without a stop."""

    calls: list[dict[str, Any]] = []

    class World:
        async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            calls.append(arguments)
            return {}

    async def story() -> None:
        server = mcp_server.server_of(World(), operator=True)  # type: ignore[arg-type]
        async with mcp.Client(server) as client:
            for tool in (await client.list_tools()).tools:
                assert tool.input_schema["additionalProperties"] is False
                assert "\n  " not in tool.description  # no indentation of the source
            answer = await client.call_tool("create_order", {**ORDER, "stop_price": 40_000})
            assert answer.is_error
            assert "stop_price" in answer.content[0].text
            assert not calls
            assert not (await client.call_tool("create_order", ORDER)).is_error
            assert calls[0]["amount"] == 1

    asyncio.run(story())


# Calls with wrong arguments, and what an agent reads.
WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a value that is none of a few": (
        "create_order",
        {**ORDER, "side": "hold"},
        'create_order: nothing was sent: side = "hold"; expected "buy" or "sell"',
    ),
    "what is missing": (
        "create_order",
        {"symbol": SPOT, "side": "buy", "type": "market"},
        "create_order: nothing was sent: amount is missing; expected a number",
    ),
    "true for a number": (
        "create_order",
        {**ORDER, "amount": True},
        "create_order: nothing was sent: amount = true; expected a number",
    ),
    "an infinite amount": (
        "create_order",
        {**ORDER, "amount": "inf"},
        'create_order: nothing was sent: amount = "inf"; expected a number',
    ),
    "a name with a slip": (
        "create_order",
        {**ORDER, "triger_price": 1},
        "no argument 'triger_price'; did you mean 'trigger_price'? there are symbol, side,",
    ),
    "an argument of a tool without any": (
        "positions",
        {"symbol": SPOT},
        "positions: nothing was sent: no argument 'symbol'; it takes none",
    ),
    "a value within a value": (
        "state_belief",
        {"holdings": {"BTC": "many", "ETH": False}},
        'holdings.BTC = "many"; expected a number. holdings.ETH = false; expected a number',
    ),
    "a list in place of an object": (
        "state_belief",
        {"holdings": [1]},
        "holdings = [1]; expected an object whose values are: a number",
    ),
    "null": ("candles", {"symbol": SPOT, "limit": None}, "limit = null; expected a whole number"),
    "a tool with a slip": (
        "create_ordr",
        {},
        "no tool 'create_ordr'; did you mean 'create_order'?",
    ),
    "what the venue refuses": (
        "order",
        {"symbol": SPOT},
        "BadRequestError: name one order: give order_id or client_order_id",
    ),
}


async def refused(client: Any) -> dict[str, str]:
    """What an agent reads for each wrong call."""
    found = {}
    for name, (tool, arguments, _) in WRONG.items():
        answer = await client.call_tool(tool, arguments)
        assert answer.is_error, name
        found[name] = answer.content[0].text
    return found


def check_refusals(found: dict[str, str]) -> None:
    for name, (_, _, why) in WRONG.items():
        assert why in found[name], name
        assert "pydantic" not in found[name]
        assert "Error executing" not in found[name]


def test_wrong_arguments_are_told_in_words_for_the_agent() -> None:
    """The value, what was expected and what to send: a model repeats what it can't understand."""

    class World:
        async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            assert tool == "order", "nothing else may reach the venue"
            raise CallFailed(WRONG["what the venue refuses"][2])

    async def story() -> dict[str, str]:
        server = mcp_server.server_of(World())  # type: ignore[arg-type]
        async with mcp.Client(server) as client:
            return await refused(client)

    check_refusals(asyncio.run(story()))


@pytest.mark.slow
def test_wrong_arguments_over_stdio() -> None:
    """The same words through the whole way, and none of them was a request to the venue."""

    async def story() -> dict[str, str]:
        async with over_stdio("--operator") as client:
            found = await refused(client)
            sent = json.loads((await client.call_tool("requests", {})).content[0].text)
            assert {row["asked"] for row in sent["result"]} <= {"(market)"}
            return found

    check_refusals(asyncio.run(story()))


def test_a_taken_port_and_a_missing_extra_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, before anything runs."""
    with mcp_server.listening_at(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"--http {port}: address already in use"):
            mcp_server.listening_at(port)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    assert main(["mcp"]) == 2
    assert capsys.readouterr().err.startswith("failing-exchange: mcp needs the extra")
