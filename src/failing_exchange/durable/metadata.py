"""The table `meta`: what a journal knows of its venue. Checked, since anybody may write a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from failing_exchange.core.units import DAY
from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.journal import COUNTERS

DECIDES = ("core", "background")  # packages whose code decides what a command does
YEARS_10 = 3_653 * DAY
LATEST = (1 << 62) - YEARS_10  # no venue's clock is later (2106)
COUNT_MAX = 1 << 62  # no counter gets there; a file with a larger one is damaged


@lru_cache(maxsize=1)
def code() -> str:
    """A digest of the code that runs. A snapshot of other code is refused: its state may differ.

    Sources and not the release's number, since an editable installation changes without one.
    """
    found = blake2b(release().encode(), digest_size=16)
    for package in DECIDES:
        folder = files(__package__.partition(".")[0]) / package
        for source in sorted(folder.iterdir(), key=lambda one: one.name):
            if source.name.endswith(".py"):
                found.update(source.name.encode() + source.read_bytes())
    return found.hexdigest()


def release() -> str:
    """The version of this package."""
    return version("failing-exchange")


def read(meta: Mapping[str, str]) -> dict[str, Any]:
    """The values of the table; raises ValueError for what can't have been written there.

    What is not in `EXPECTED` belongs to the world that its venue is asked for, and is compared.
    """
    known = {name: _value(name, text) for name, text in meta.items() if name != "open"}
    at, birth = known.get("at", 0), known.get("birth", 0)
    if not 0 <= birth <= at + YEARS_10 <= birth + 2 * YEARS_10 or birth > LATEST:
        raise ValueError(f"its venue can't have lived from {birth} to {at}")
    scenario = known.get("scenario")
    if scenario is not None and os.path.exists(scenario) and not os.path.isfile(scenario):
        raise ValueError(f"its scenario {scenario!r} is not a file")
    return known


def check_gap(known: Mapping[str, Any], now: int) -> None:
    """Raise ConfigurationError where the venue would have to catch up with more than ten years."""
    at = known.get("at", known.get("birth", now))
    if now - at > YEARS_10:
        raise ConfigurationError(
            f"its last instant, {at} ns, is more than ten years before {now} ns, when it is to go "
            "on: name another journal"
        )


def _value(name: str, text: str) -> Any:
    value, expected = json.loads(text), EXPECTED.get(name)
    if expected is not None and not expected(value):
        raise ValueError(f"{name} = {text[:60]!r} in its table meta")
    return value


def _is_count(value: Any) -> bool:
    return value.__class__ is int and 0 <= value <= COUNT_MAX


def _are_counters(value: Any) -> bool:
    return _are_counts(value) and set(value) <= set(COUNTERS)


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


EXPECTED: dict[str, Callable[[Any], bool]] = {
    "seed": lambda value: value.__class__ is int,
    "scenario": lambda value: value is None or isinstance(value, str),
    "background": lambda value: isinstance(value, bool),
    "as_of": lambda value: value is None or isinstance(value, str),
    "markets": _is_text,
    "release": _is_text,
    "birth": _is_count,
    "at": _is_count,
    "counters": _are_counters,
    "labels": _are_counts,
    "gates": lambda value: isinstance(value, dict),
}
