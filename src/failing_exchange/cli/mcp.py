"""The command `mcp`: a venue for an AI agent, with tools in place of an API."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.exit_codes import CLEAN, FINDINGS
from failing_exchange.cli.options import seconds, whole
from failing_exchange.text.files import check_file

if TYPE_CHECKING:
    from failing_exchange.agents.session import AgentConfig

HTTP = "serve HTTP at this port of loopback in place of stdio; 0 takes a free one"


def add_parser(commands: Any) -> None:
    """Add `mcp` to the command line."""
    mcp = commands.add_parser(
        "mcp", help="a venue for an AI agent (Model Context Protocol)",
        description="Serves one run over stdio, or HTTP. It ends with `finish`, with its time, or "
        "when the client goes; then the agent's card is printed on stderr.",
    )  # fmt: skip
    add = mcp.add_argument
    add("--task", default="", metavar="NAME", help="a shipped task: answer-lost or bad-night")
    add("--scenario", default="", metavar="FILE", help="a scenario file, or a shipped one's name")
    add("--seed", type=whole(), default=None, help="the same seed and calls give the same answers")
    add("--duration", type=seconds, help="time of the run, as 1h (default: the scenario's, or 1h)")
    add("--real-time", action="store_true", help="run by the real clock; default: virtual time")
    add("--operator", action="store_true", help="give the operator's tools, too: faults, truth")
    add("--http", type=whole(0, 65_535), metavar="PORT", help=HTTP)
    add("--output", type=Path, metavar="FILE", help="write the results, for report and programs")
    mcp.set_defaults(command=mcp_command, judges=True)


def mcp_command(options: argparse.Namespace) -> int:
    """Serve one run; with a task the exit code says whether it was passed."""
    import asyncio

    from failing_exchange.agents.card import card_text
    from failing_exchange.agents.mcp_server import check_installed
    from failing_exchange.agents.session import AgentConfig

    check_installed()
    config = AgentConfig(
        task=options.task, scenario=options.scenario, seed=options.seed,
        duration=options.duration, real_time=options.real_time, operator=options.operator,
    )  # fmt: skip
    config.check()
    if options.output is not None:
        check_file("--output", options.output)
    results = asyncio.run(_served(config, options))
    print(card_text(results), file=sys.stderr)
    return CLEAN if results["agent"].get("passed", results["headline"]["clean"]) else FINDINGS


async def _served(config: AgentConfig, options: argparse.Namespace) -> dict[str, Any]:
    """Serve until the client goes or a signal comes; the results."""
    import asyncio

    from failing_exchange.agents.mcp_server import listening_at, serve_http, server_of
    from failing_exchange.agents.session_client import SessionProcess
    from failing_exchange.system import on_stop

    listening = None if options.http is None else listening_at(options.http)
    world = SessionProcess(config, str(options.output.absolute()) if options.output else "")
    await world.start()
    try:
        server = server_of(world, task=config.task, operator=config.operator)
        if listening is None:
            serving = asyncio.ensure_future(server.run_stdio_async())
        else:
            print(f"MCP: http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
            serving = asyncio.ensure_future(serve_http(server, listening))
        on_stop(asyncio.get_running_loop(), serving.cancel)
        await asyncio.wait([serving])
        if not serving.cancelled():
            serving.result()
    finally:
        await world.close()
    assert world.results is not None
    return world.results
