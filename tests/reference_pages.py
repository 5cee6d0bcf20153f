"""The pages of docs/reference/ that are made from the code: `python -m tests.reference_pages`.

tests/test_tidy.py compares what is written with what the code says.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable, Iterator
from importlib import import_module

import failing_exchange
from failing_exchange.cli.main import parser
from failing_exchange.cli.serve import _variable
from failing_exchange.scenarios.scenario import KEYS, Scenario, family_titles, load, shipped
from tests.sources import ROOT

FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Written by `python -m tests.reference_pages`; a test compares. -->"
HIDDEN = ("help", "version")
SCENARIO_KEYS = {
    "description": "one sentence: what happens",
    "evidence": "where it was seen",
    "family": "the group in which the list of scenarios shows it",
    "symptom": "what the client sees",
    "behaviour": "what a careful bot does",
    "seed": "a whole number; the default is 0",
    "duration": 'how long a run lasts: seconds, or a span such as `"40m"`',
    "calm": "how long nothing fails at the end",
    "restarts": "a list of times at which the bot is killed and started again",
    "markets": "a list of symbols of the default world, and of tables with "
    "[markets of your own](../markets.md#your-own-market)",
    "fees": "[fees](../markets.md#fees) for both sides, for each, or by symbol",
    "recordings": "a table: files of [recorded prices](../markets.md#recorded-prices) by symbol",
    "accounts": "a table of accounts, each with `balances` (units by asset), `fee_asset`, and "
    "`margin`: how it was left (leverage, margin_mode, hedge, multi_assets)",
    "timeout": "how long a call without an answer waits",
    "rate_limit": "requests a minute",
    "latency": '`"auto"`, `"none"`, milliseconds, or a distribution',
    "background": "`false` leaves the clients alone on their books",
    "maintenance": "the schedule of maintenance, as `FailingExchange` takes it",
    "as_of": "the day of the venue's API ([API changes](../api_changes.md))",
    "modes": "an array of tables with `mode`, `probability` and `params`",
    "faults": "an array of tables with `kind` and the fields of [the fault](../faults.md), `when` "
    "(a trigger; without it always), `operations`, `symbols`, `sides`, `clients`, "
    "`client_order_ids` and `name`",
    "incidents": "an array of tables with `at`, `do` and the parameters of "
    "[the incident](../control.md#incidents)",
    "intent": "a table: what the bot is to do (`symbol`, `side`, `amount`, `orders`), or "
    "`client_ids`, a pattern whose first group names the intent",
    "bot": "the strategy of the reference bots that meets it",
    "rules": "a list of [rules of conduct](../conduct.md) that judge it; without it all",
    "options": "a table of parameters by rule",
    "expect": "what the tests of a shipped scenario expect",
}


# Pages of the API: title, one sentence, and the public names by module; "": the package itself.
API: dict[str, tuple[str, str, dict[str, tuple[str, ...]]]] = {
    "exchange": (
        "The exchange",
        "The exchange in your process: ccxt's unified calls, and what makes it fail.",
        {"": ("FailingExchange", "FailureMode", "Market")},
    ),
    "simulation": (
        "Simulation and clients",
        "Virtual time, and the ways to lead a client to a simulated or served venue.",
        {"": ("simulate", "virtual_time", "Binance", "ccxt_session", "redirect", "Control")},
    ),
    "triggers": (
        "Triggers",
        "When a fault strikes. Triggers combine with `&`, `|` and `~`.",
        {"faults.triggers": ()},
    ),
    "judging": (
        "Judging and exploring",
        "What a bot wants and believes, the verdict on it, and the search for what breaks it.",
        {
            "": ("intend", "probe", "Judge", "Verdict", "fault_plans"),
            "explorer": (),
            "testing.hypothesis_strategies": (),
        },
    ),
    "resilience": (
        "Resilience",
        "For the bot's side: placing an order once, finding out what became of it, giving up.",
        {
            "": (
                "place_order_with_retry",
                "robust_order_placement",
                "OrderQueue",
                "CircuitBreaker",
                "Reconciler",
            ),
            "resilience": (),
        },
    ),
    "venues": (
        "Venues and markets",
        "Checks of a venue, its limits, and the other traders of a market.",
        {"": ("VenueLimits", "check_venue", "VenueBreaches"), "background": ()},
    ),
    "errors": (
        "Errors",
        "Every error that a client is raised. With ccxt installed they are ccxt's errors, too; "
        "timeouts and lost connections are also the builtin `TimeoutError` and `ConnectionError`.",
        {"": tuple(name for name in failing_exchange.__all__ if name.endswith("Error"))},
    ),
}


def pages() -> dict[str, str]:
    """Each page by its name, as it must be."""
    return {
        "cli.md": cli(),
        "scenarios.md": scenarios(),
        "configuration.md": configuration(),
        "../llms.txt": llms(),
        **{f"api/{name}.md": api(*page) for name, page in API.items()},
    }


def api(title: str, sentence: str, modules: dict[str, tuple[str, ...]]) -> str:
    """A page of the API; mkdocstrings puts the docstrings in."""
    lines = [MADE, "", f"# {title}", "", sentence, ""]
    for name in names_of(modules):
        lines += _entry(name)
    return "\n".join(lines).rstrip() + "\n"


def _entry(name: str) -> list[str]:
    """A public name; a second name of a class, as nth of Nth, with its arguments in the heading."""
    module, _, last = name.rpartition(".")
    home = import_module(module)
    value = getattr(home, last)
    if not inspect.isclass(value) or value.__name__ == last:
        aliases = [one for one in home.__all__ if getattr(home, one) is value]
        return [] if len(aliases) > 1 else [f"::: {name}", ""]
    arguments = ", ".join(
        one.name if one.default is one.empty else f"{one.name}={one.default!r}"
        for one in inspect.signature(value).parameters.values()
    )
    return [
        f"### {last}({arguments}) {{ #{name} }}",
        "",
        f"::: {module}.{value.__name__}",
        "    options:",
        "      show_root_heading: false",
        "      show_root_toc_entry: false",
        "      members: false",
        "      inherited_members: false",
        "",
    ]


def names_of(modules: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """The full names of what a page shows; a module without names shows all its public ones."""
    for module, named in modules.items():
        home = f"failing_exchange.{module}".rstrip(".")
        if named:
            yield from (f"{home}.{name}" for name in named)
            continue
        shown = set(failing_exchange.__all__)  # on another page, from the package itself
        for name in import_module(home).__all__:
            if name not in shown:
                yield f"{home}.{name}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown."""
    names = list(head)
    yield "| " + " | ".join(names) + " |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") or " " for cell in row) + " |"


# ---- the command line


def cli() -> str:
    """The command line: each command with its arguments."""
    made = parser()
    lines = [
        MADE,
        "",
        "# Command line",
        "",
        str(made.description),
        "",
        "`failing-exchange COMMAND --help` prints the same. Every command has the same",
        "[exit codes](../exit_codes.md).",
        "",
        *table(("command", "what it does"), _overview(made)),
        "",
    ]
    for name, command in _commands(made):
        lines += _section(f"failing-exchange {name}", command, 2)
    return "\n".join(lines).rstrip() + "\n"


def _commands(made: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    found = [a for a in made._actions if isinstance(a, argparse._SubParsersAction)]
    return [pair for action in found for pair in action.choices.items()]


def _overview(made: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action._choices_actions:
                yield f"[`{one.dest}`](#failing-exchange-{one.dest})", _linked(one.help or "")


def _section(title: str, made: argparse.ArgumentParser, level: int) -> Iterator[str]:
    """What a command does, its arguments, and its own commands."""
    yield from ("#" * level + f" {title}", "")
    if made.description:
        yield from (_linked(made.description), "")
    inner = _commands(made)
    rows = [_row(made, action) for action in made._actions if _shown(action)]
    if rows:
        yield from (*table(("argument", "meaning"), rows), "")
    if inner:
        yield from (*table(("action", "what it does"), _actions(made)), "")


def _actions(made: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """The actions of a command such as `ctl`, each with its arguments."""
    said = {
        one.dest: one.help or ""
        for action in made._actions
        if isinstance(action, argparse._SubParsersAction)
        for one in action._choices_actions
    }
    for name, inner in _commands(made):
        arguments = " ".join(_name(action) for action in inner._actions if _shown(action))
        yield f"`{f'{name} {arguments}'.strip()}`", _linked(said.get(name, ""))


def _shown(action: argparse.Action) -> bool:
    hidden = action.dest in HIDDEN or action.help == argparse.SUPPRESS
    return not hidden and not isinstance(action, argparse._SubParsersAction)


def _row(made: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    text = made._get_formatter()._expand_help(action) if action.help else ""
    if made.prog.endswith(" serve") and action.option_strings:
        text += f" (`{_variable(action.dest)}`)"
    return f"`{_name(action)}`", _linked(text)


def _name(action: argparse.Action) -> str:
    """An argument as it is typed."""
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest
    )
    value = value if isinstance(value, str) else " ".join(value)
    if not action.option_strings:
        return f"[{value}]" if action.nargs in ("?", "*") else value
    option = action.option_strings[-1]
    return option if action.nargs == 0 else f"{option} {value if action.metavar else value.upper()}"


def _linked(text: str) -> str:
    """Help as a sentence of Markdown: pages are links, and angle brackets are letters."""
    words = " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
    return re.sub(r"docs/([\w\\]+)\.md", lambda f: _page(f[1].replace("\\", "")), words)


def _page(name: str) -> str:
    return f"[{name.replace('_', ' ')}](../{name}.md)"


# ---- the scenarios


def scenarios() -> str:
    """The shipped scenarios, by family."""
    lines = [
        MADE,
        "",
        "# Scenarios",
        "",
        "A scenario is a whole run as data. These come with the package; each is told by its name:",
        "",
        "```sh",
        "failing-exchange scenarios order_timeout_after_accept",
        "failing-exchange run --scenario order_timeout_after_accept --bot careful",
        "```",
        "",
        "A file of your own has [these keys](configuration.md#scenario-files). Where each was seen",
        "stands in the file, and for those of Spot in [the table of incidents]"
        "(../faults.md#real-incidents).",
        "",
    ]
    found: dict[str, list[Scenario]] = {}
    for name in shipped():
        scenario = load(name)
        found.setdefault(scenario.family, []).append(scenario)
    for family, title in family_titles().items():
        rows = [(f"`{s.name}`", s.description, s.behaviour) for s in found.pop(family)]
        head = ("scenario", "what happens", "what a careful bot does")
        lines += [f"## {title}", "", *table(head, rows), ""]
    assert not found, f"families without a title: {sorted(found)}"
    return "\n".join(lines).rstrip() + "\n"


# ---- configuration


CONFIGURATION = """\
{made}

# Configuration

The project has no configuration file of its own. What a run is made of stands in a scenario file,
on the command line, or in the arguments of `FailingExchange`; what is given closer to the run wins.

## Scenario files

TOML. All keys are optional, and an unknown one is refused. Times are seconds, or text such as
`"500ms"`, `"90s"`, `"10m"`, `"1h"`, `"2d"`. [How to write one](../howto/scenario.md).

{keys}

## Environment variables

Each option of `serve` can be set by a variable; some of `ctl` likewise:

{variables}

A program behind `serve … --` is started with these:

| variable | is |
|---|---|
| `EXCHANGE_URL`, `EXCHANGE_WS_URL` | the addresses of the server |
| `EXCHANGE_API_KEY`, `EXCHANGE_SECRET` | its pair of keys |
| `HTTPS_PROXY` and the like | a proxy under which Binance's production names lead to the server |

## pytest

Fixtures, markers, the option `--failing-exchange-seed` and the ini option
`failing_exchange_virtual`: [the pytest plugin](../pytest.md).

## In code

The arguments of [`FailingExchange`](api/exchange.md) and of [`simulate`](api/simulation.md).
"""


def configuration() -> str:
    """What can be set: scenario files, environment variables, pytest."""
    assert set(SCENARIO_KEYS) == set(KEYS), set(SCENARIO_KEYS) ^ set(KEYS)
    keys = table(("key", "meaning"), ((f"`{key}`", SCENARIO_KEYS[key]) for key in KEYS))
    variables = table(("variable", "stands for"), _variables())
    return CONFIGURATION.format(made=MADE, keys="\n".join(keys), variables="\n".join(variables))


def _variables() -> Iterator[tuple[str, str]]:
    for name, command in _commands(parser()):
        for action in command._actions:
            if name == "serve" and action.option_strings and _shown(action):
                yield f"`{_variable(action.dest)}`", f"`serve {action.option_strings[-1]}`"
    yield "`FAILURE_MODE`, `FAILURE_RATE`", "`serve --mode`, `serve --rate`"
    yield "`FAILING_EXCHANGE_CONTROL_URL`", "`ctl --url`"
    yield "`FAILING_EXCHANGE_CONTROL_TOKEN`", "`ctl --token`"


LLMS = """\
# failing-exchange

> {about}

It is a Python package (3.11 to 3.13): `pip install failing-exchange`. Four commands to begin:
`failing-exchange doctor`, `failing-exchange init bot.py:main`, `failing-exchange serve binance`,
and `failing-exchange explore bot.py:main --seeds 200 --output run.json`. Exit codes: 0 clean, 1
findings, 2 could not run. An AI agent trades by `failing-exchange mcp`.
"""


def llms() -> str:
    """The pages of the site for a language model: llms.txt, in the order of the navigation."""
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    about = re.findall(r"^site_description: (.*)$", site, re.MULTILINE)[0]
    lines, section = [LLMS.format(about=about)], ""
    for line in site.partition("\nnav:\n")[2].splitlines():
        named = re.fullmatch(r" +- (?:(?P<title>[^:]+): *)?(?P<page>[\w/-]+\.md)?", line)
        if named is None:
            continue
        if named["page"] is None:
            section = named["title"]
        else:
            if section:
                lines.append(f"\n## {section}\n")
                section = ""
            text = (ROOT / "docs" / named["page"]).read_text(encoding="utf-8")
            heading = re.findall(r"^# (.*)$", text, re.MULTILINE)[0]
            url = re.sub(r"(^|/)index/$", r"\1", named["page"].removesuffix(".md") + "/")
            lines.append(f"- [{named['title'] or heading}]({url or './'})")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
