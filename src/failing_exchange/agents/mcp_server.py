"""The Model Context Protocol: the tools of an agent, over stdio or HTTP (the extra `mcp`)."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable
from typing import Any, get_type_hints

from failing_exchange.agents.operator import Operator
from failing_exchange.agents.session_client import CallFailed, SessionProcess
from failing_exchange.agents.tasks import task_of
from failing_exchange.agents.tool_arguments import has_booleans, refusal, unknown_tool
from failing_exchange.agents.trader import Trader, tools_of
from failing_exchange.errors import ConfigurationError

NAME = "failing-exchange"
LOOPBACK = "127.0.0.1"
INSTRUCTIONS = (
    "A crypto exchange. Trade with its tools. It may fail as real venues do: answers get lost, "
    "requests are refused, reads are old. A call that ends with an error may have been carried "
    "out. Time passes only while a tool runs; `wait` lets more of it pass. At the end say with "
    "`state_belief` what you hold, and call `finish`."
)
MISSING = "mcp needs the extra `mcp`: pip install 'failing-exchange[mcp]'"
WITHOUT_TASK = "Nothing is set as a task: trade as you see fit."


def check_installed() -> None:
    """Raise ConfigurationError where the protocol's library is missing."""
    try:
        import mcp.server.mcpserver  # noqa: F401
    except ImportError:
        raise ConfigurationError(MISSING) from None


def server_of(world: SessionProcess, *, task: str = "", operator: bool = False) -> Any:
    """An `MCPServer` whose tools act on a run; the brief of a task is a prompt and a tool."""
    owners: list[type] = [Trader, Operator] if operator else [Trader]
    brief = task_of(task).brief if task else WITHOUT_TASK

    async def read_task() -> str:
        """Read what you are asked to do."""
        return brief

    async def finish() -> str:
        """End the run. Nothing can be done afterwards."""
        await world.finish()
        return "The run is over."

    tools = [
        _strict(_passing_on(world, name, method), name)
        for owner in owners
        for name, method in tools_of(owner).items()
    ]
    tools += [_strict(read_task, "task"), _strict(finish, "finish")]
    # What is refused is told to the agent; stderr is for the card at the end.
    served = _server_class([tool.name for tool in tools])
    server = served(NAME, instructions=INSTRUCTIONS, tools=tools, log_level="WARNING")
    server.prompt(name="task", description="What the agent is asked to do")(lambda: brief)
    return server


def _strict(function: Callable[..., Any], name: str) -> Any:
    """A tool that refuses arguments it does not have: an order must not go without its stop."""
    from pydantic import ConfigDict

    about = inspect.cleandoc(function.__doc__ or "")
    tool = _tool_class().from_function(
        function, name=name, description=about, structured_output=False
    )
    loose = tool.fn_metadata.arg_model
    config = ConfigDict(extra="forbid", allow_inf_nan=False, title=loose.__name__)
    strict: Any = type(loose.__name__, (loose,), {"model_config": config})
    tool.fn_metadata.arg_model = strict
    tool.parameters = strict.model_json_schema(by_alias=True)
    return tool


def _tool_class() -> Any:
    """The SDK's `Tool`, with errors in our words."""
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.mcpserver.tools import Tool
    from pydantic import ValidationError

    class StrictTool(Tool):
        async def run(
            self, arguments: dict[str, Any], context: Any, convert_result: bool = False
        ) -> Any:
            given, errors = self.fn_metadata.pre_parse_json(arguments), []
            try:
                self.fn_metadata.validate_arguments(arguments)
            except ValidationError as error:
                errors = error.errors(include_url=False)
            if errors or has_booleans(self.parameters, given):
                raise ToolError(f"{self.name}: {refusal(self.parameters, given, errors)}")
            try:
                return await super().run(arguments, context, convert_result)
            except ToolError as error:
                if isinstance(error.__cause__, ToolError):  # without the SDK's prefix
                    raise error.__cause__ from None
                raise

    return StrictTool


def _server_class(tools: list[str]) -> Any:
    """The SDK's `MCPServer`, which names the tools to who asks for another."""
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError

    class ToolServer(MCPServer):
        async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
            if name not in tools:
                raise ToolError(unknown_tool(name, tools))
            return await super().call_tool(name, arguments, context)

    return ToolServer


def _passing_on(world: SessionProcess, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the signature and docstring of a tool, which passes its arguments on."""
    from mcp.server.mcpserver.exceptions import ToolError

    async def call(**arguments: Any) -> Any:
        try:
            return await world.call(name, arguments)
        except CallFailed as error:
            raise ToolError(str(error)) from None

    hints = get_type_hints(method)
    inner = inspect.signature(method)
    parameters = [
        one.replace(annotation=hints[one.name]) for one in list(inner.parameters.values())[1:]
    ]
    call.__name__, call.__doc__ = name, method.__doc__
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


async def serve_http(server: Any, listening: socket.socket) -> None:
    """Serve HTTP at `/mcp` of a socket of loopback; a foreign Host or Origin is refused."""
    import uvicorn

    app = server.streamable_http_app(host=LOOPBACK, json_response=True)
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    serving = uvicorn.Server(config)
    running = asyncio.ensure_future(serving.serve(sockets=[listening]))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:  # where uvicorn itself is canceled, it logs a traceback
        serving.should_exit = True
        await running
        raise


def listening_at(port: int) -> socket.socket:
    """A socket of loopback; raises ConfigurationError where the port is taken."""
    made = socket.socket()
    try:
        made.bind((LOOPBACK, port))
    except OSError as error:
        made.close()
        raise ConfigurationError(
            f"--http {port}: {(error.strerror or str(error)).lower()}; name another port, 0 takes "
            "a free one"
        ) from None
    return made
