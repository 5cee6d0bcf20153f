"""Spans of time: the same texts are read wherever seconds are taken."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from failing_exchange import FailingExchange
from failing_exchange.cli.options import hours, minutes, seconds
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import make
from failing_exchange.faults.triggers import load, parse
from failing_exchange.scenarios.scenario import read
from failing_exchange.text.durations import SPAN_TEXT_MAX, seconds_of
from failing_exchange.venue.default_world import MARKETS
from failing_exchange.venue.operator_incidents import command_of

HALT = {"symbol": "BTC/USDT"}


def everywhere(text: str) -> list[float]:
    """What a span means to the command line, a scenario, an incident, a fault and a trigger."""
    scenario = read(
        f"duration = '{text}'\n[[incidents]]\nat = '{text}'\ndo = 'halt'\nsymbol = 'BTC/USDT'\n"
        f"seconds = '{text}'\n[[faults]]\nkind = 'delay_answer'\nseconds = '{text}'"
    )
    halt: Any = command_of("halt", {**HALT, "seconds": text}, MARKETS)
    exchange = FailingExchange()
    armed: Any = exchange.arm("delay_answer", seconds=text).rule.fault
    return [
        seconds(text),
        scenario.duration or 0,
        scenario.incidents[0][0] / 10**9,
        scenario.incidents[0][1].nanoseconds / 10**9,
        halt.nanoseconds / 10**9,
        armed.seconds,
        float(str(load(3, text)).rpartition("=")[2][:-1]),
        float(str(parse(f"load(3, {text!r})")).rpartition("=")[2][:-1]),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("10m", 600), ("1h", 3_600), ("2d", 172_800), ("1.5h", 5_400), ("500ms", 0.5),
     ("90", 90)],
)  # fmt: skip
def test_a_span_means_the_same_everywhere(text: str, value: float) -> None:
    """Whoever has learned "10m" in one place writes it in all of them."""
    assert everywhere(text) == [value] * 8


@pytest.mark.parametrize(
    "text", ["", "soon", "-1s", "1e999", "nan", "inf", "1 week", "٣s", "1" * (SPAN_TEXT_MAX + 1)]
)
def test_what_is_no_span_is_refused_everywhere(text: str) -> None:
    """The error says what is expected."""
    with pytest.raises(ValueError, match="10m"):
        seconds_of(text)
    with pytest.raises(argparse.ArgumentTypeError, match="10m"):
        seconds(text)
    with pytest.raises(ConfigurationError, match="10m"):
        read(f"duration = '{text}'")
    with pytest.raises(ConfigurationError, match="10m"):
        command_of("halt", {**HALT, "seconds": text}, MARKETS)
    with pytest.raises(ConfigurationError, match="10m"):
        make("delay_answer", seconds=text)
    with pytest.raises(ConfigurationError, match="10m"):
        load(3, text)


def test_minutes_and_hours_are_counted_or_spans() -> None:
    """An option whose number counts minutes takes "2h", too."""
    assert (minutes("30"), minutes("2h"), hours("1.5"), hours("90m")) == (30, 120, 1.5, 1.5)
