"""The options of `explore` on the command line, as they reach the search."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from failing_exchange.cli import explore as command
from failing_exchange.cli.options import hours
from failing_exchange.explorer import search


def options_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> search.Options:
    """What the search is given for a line."""
    given: list[search.Options] = []

    def explore(options: search.Options, **_: Any) -> search.Exploration:
        given.append(options)
        return search.Exploration(options=options)

    monkeypatch.setattr(search, "explore", explore)
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["explore", "careful", *arguments])
    parsed.command(parsed)
    return given[0]


def test_a_plain_line_explores_a_thousand_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the help says."""
    assert options_of(monkeypatch) == search.Options(target="careful", seeds=1_000, seconds=3_600.0)


def test_every_option_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is dropped is worse than one that is refused: half a day is explored for nothing."""
    given = options_of(
        monkeypatch, "--seeds", "9", "--first-seed", "7", "--hours", "30m", "--jobs", "2",
        "--time", "10m", "--first", "--quick", "--shard", "2/3",
    )  # fmt: skip
    assert given == search.Options(
        target="careful", seeds=9, first_seed=7, seconds=1_800.0, jobs=2, wall_s=600.0,
        stop_at_first=True, quick=True, shard=(2, 3),
    )  # fmt: skip


def test_a_world_lasts_a_year_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leap year is one."""
    assert options_of(monkeypatch, "--hours", "8784").seconds == 366 * 86_400
    with pytest.raises(argparse.ArgumentTypeError, match="'8785' is more than a year"):
        hours("8785")
