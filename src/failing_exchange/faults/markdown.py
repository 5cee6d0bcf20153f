"""docs/faults.md, written from the catalogue: `failing-exchange faults --markdown`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from failing_exchange.faults import modes, operations as ops, triggers
from failing_exchange.faults.catalogue import ROWS as ENTRIES, Entry
from failing_exchange.faults.fields import spec_of
from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS, By, KnownIncident, Recipe
from failing_exchange.faults.trigger_base import TRIGGERS

HEAD = """\
<!-- Written by `failing-exchange faults --markdown > docs/faults.md`; a test compares. -->

# Faults

A fault is a difference between what happened on the exchange and what the client was told. An
incident happens to the exchange itself, lawfully and on its books.

```python
from failing_exchange import FailingExchange
from failing_exchange.faults.triggers import chance, nth

exchange = FailingExchange(seed=7)
exchange.arm("lose_answer", nth(1), operations="create_order")   # by name
with exchange.arm("stale_read", chance(0.2), seconds=5):         # until the end of the block
    ...
```

`operations`, `symbols`, `sides`, `clients` and `client_order_ids` choose the requests that a fault
strikes; without `operations` it strikes those of its row below. `failing-exchange faults` prints
the same list.

Operations are the calls and feeds by their unified names; on the wire also the events of a
connection, which the last tables of faults name. A market stream's client is its connection (like
"ws-1"), a user stream's its account. Faults of frames can be armed on calls, too: they strike the
replies of the WebSocket API; and those of HTTP on feeds.

Several faults may strike one answer. Rules are asked in the order in which they were armed:

1. Before the exchange: the first rule that answers, refuses or loses the request ends its way.
2. Values: a fault that replaces the answer sees what the one before has made of it.
3. Fields: edits are applied to that value, all of them; of two edits of one field the later wins.
   A refusal has no fields.
4. Bytes: one fault damages them, the one armed first; the others do not strike this answer.
"""
GROUPS = {  # names for sets of operations, the largest first
    "all calls and feeds": ops.ALL,
    "all calls": ops.CALLS,
    "all feeds": ops.FEEDS,
    "calls and feeds of market data": (*ops.MARKET_DATA, *ops.MARKET_FEEDS),
    "private calls": ops.PRIVATE_CALLS,
    "reads": ops.READS,
    "calls with a symbol": modes.WITH_SYMBOL,
    "changes of orders": ops.CHANGE,
    "changes of margin and modes": ops.SETTINGS,
    "reads of positions": ops.POSITION_READS,
    "market data of contracts": ops.CONTRACT_DATA,
    "placing orders": ops.PLACE,
    "reads of orders": ops.ORDER_READS,
    "lists of orders": ops.ORDER_LISTS,
    "lists of tickers": ops.TICKER_LISTS,
    "feeds of market data": ops.MARKET_FEEDS,
    "feeds of the account": ops.ACCOUNT_FEEDS,
    "upgrades": ops.OPENING,
    "subscriptions": ops.SUBSCRIBING,
}
WHO = {
    By.EXCHANGE: "the honest exchange does it by itself",
    By.RESTART: "by a restart of the bot",
    By.WIRE: "only on the wire",
}


def markdown() -> str:
    """The text of docs/faults.md."""
    return "\n".join(
        [HEAD, *_faults(ENTRIES), *_triggers(), *_modes(), *_incidents(KNOWN_INCIDENTS), ""]
    )


def operations_text(operations: Iterable[str]) -> str:
    """A set of operations, by its name where it has one."""
    left, found = tuple(operations), []
    for name, group in GROUPS.items():
        if group and all(one in left for one in group):
            found.append(name)
            left = tuple(one for one in left if one not in group)
    return ", ".join([*found, *(f"`{one}`" for one in left)])


def _faults(entries: Iterable[Entry]) -> Iterator[str]:
    group = ""
    for entry in entries:
        if entry.group != group:
            group = entry.group
            yield f"## Faults: {group}\n\n| fault | fields | strikes | seen as |\n|---|---|---|---|"
        text = "<br>".join(_fields(entry)) or "–"
        seen = ", ".join(entry.incidents) or "–"
        yield (
            f"| **`{entry.name}`** {entry.says} | {text} | {operations_text(entry.operations)} "
            f"| {seen} |"
        )
        if entry is _last_of(group):
            yield ""


def _last_of(group: str) -> Entry:
    return [entry for entry in ENTRIES if entry.group == group][-1]


def _fields(entry: Entry) -> Iterator[str]:
    for one in fields(entry.kind):
        spec = spec_of(one)
        yield f"`{one.name}={_value(one.default)}` {spec.says} ({_cell(spec.unit)})"


def _triggers() -> Iterator[str]:
    yield f"## Triggers\n\nCombined with `&`, `|` and `~`: `{triggers.PARSED_EXAMPLE}`.\n"
    yield "| trigger | strikes |\n|---|---|"
    for name, made in sorted(TRIGGERS.items()):
        parameters = ", ".join(
            str(p.replace(annotation=inspect.Parameter.empty))
            for p in inspect.signature(made).parameters.values()
        )
        yield f"| `{name}({parameters})` | {_sentence(made)} |"
    yield ""


def _sentence(found: Any) -> str:
    return (inspect.getdoc(found) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _modes() -> Iterator[str]:
    yield (
        "## Failure modes\n\n"
        "`exchange.set_failure_mode(FailureMode.TIMEOUT, probability=0.1, params={…})`. Unknown "
        "params and bad values raise `ConfigurationError`.\n"
    )
    yield "| mode | what goes wrong | `params` and their defaults | strikes |\n|---|---|---|---|"
    yield "| `NONE` | Nothing. | – | – |"
    for mode, found in modes.MODES.items():
        params = ", ".join(f"`{name}={_value(value)}`" for name, value in found.defaults.items())
        yield f"| `{mode}` | {found.says} | {params} | {operations_text(found.operations)} |"
    for mode, weights in modes.MIXTURES.items():
        parts = ", ".join(f"{one} {weight:g}" for one, weight in weights.items())
        yield (
            f"| `{mode}` | One of several, drawn by weight among those that concern the request. "
            f"| `weights` by mode ({parts}), `params` by mode | all calls |"
        )
    yield ""


def _incidents(rows: list[KnownIncident]) -> Iterator[str]:
    yield (
        f"## Real incidents\n\n{len(rows)} kinds of failure that bots have met on real venues, and "
        "how to have each of them here. Faults on one line are armed together, or one by one; "
        "those in the last column strike only on the wire, where the incident looks as it did.\n"
    )
    family = ""
    for row in rows:
        if row.family != family:
            family = row.family
            yield f"\n### {family}\n\n| incident | how | or, on the wire |\n|---|---|---|"
        how = _recipes(row.recipes) or WHO[row.by]
        note = f"; {row.note}" if row.note else ""
        yield f"| {row.name} | {_cell(how)}{_cell(note)} | {_cell(_recipes(row.wire)) or '–'} |"


def _recipes(recipes: Iterable[Recipe]) -> str:
    return " + ".join(f"`{recipe}`" for recipe in recipes)


def _value(value: Any) -> str:
    return repr(str(value)) if isinstance(value, str) else repr(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
