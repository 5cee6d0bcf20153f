"""The benches: each still imports and runs; what they measure is for `make bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import chosen, load, main
from bench.harness import BENCHES, Bench, Pair, Size, Unavailable, measure

load()
FAST = ("engine", "inprocess", "market")  # modules whose benches take milliseconds each
NEEDS_MORE = {
    "wire.mountebank", "wire.mountebank_uvloop", "report.opening", "page.scrolling",
    "page.late_frames",
}  # fmt: skip
HELD = [  # as they are given to `make test` and `make slow`
    name if name.partition(".")[0] in FAST else pytest.param(name, marks=pytest.mark.slow)
    for name in BENCHES
    if name != "market.growth"
]


@pytest.mark.parametrize("name", [*HELD, pytest.param("market.growth", marks=pytest.mark.slow)])
def test_each_bench_runs(name: str) -> None:
    """One that nobody runs for a month would be wrong when it is needed."""
    try:
        found = measure(BENCHES[name], Size(quick=True))
    except Unavailable:
        assert name in NEEDS_MORE
        return
    assert found.ours >= 0
    assert (found.floor is None) is (found.beside == "")
    assert found.says


def ready(ours: list[float], floor: list[float], **target: Any) -> Bench:
    """A bench whose figures are known."""
    left, right = iter(ours), iter(floor)

    def make(size: Size) -> Any:
        pair: Pair = (lambda: next(left), (lambda: next(right)) if floor else None)
        yield pair

    bounds: dict[str, Any] = {"at_least": None, "at_most": None, **target}
    beside = "a floor" if floor else ""
    return Bench("x", "Known.", "1/s", beside, rounds=len(ours), make=make, **bounds)


def test_the_median_of_the_ratios_counts() -> None:
    """A round on a slow machine is slow for both: its ratio is as good as any other."""
    found = measure(ready([10, 1, 40], [5, 0.5, 5], at_least=2), Size())
    assert (found.ours, found.floor, found.ratio, found.met) == (10, 5, 2, True)
    assert not measure(ready([9, 9, 9], [5, 5, 5], at_least=2), Size()).met


def test_without_a_floor_the_figure_counts() -> None:
    """Seconds that somebody waits are no better on a slow machine."""
    assert measure(ready([2], [], at_most=2), Size()).met
    assert not measure(ready([3], [], at_most=2), Size()).met


def test_results_are_written_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a program that compares two versions."""
    path = tmp_path / "bench.json"
    assert main(["engine.book", "--quick", "--json", str(path)]) == 0
    (row,) = json.loads(path.read_text(encoding="utf-8"))
    assert (row["name"], row["beside"]) == ("engine.book", "AsyncMock")
    assert row["ratio"] == pytest.approx(row["ours"] / row["floor"])
    assert "engine.book" in capsys.readouterr().out


def test_benches_are_chosen_by_name_or_module() -> None:
    """A misspelled name must not measure everything, or nothing."""
    assert chosen(["engine"]) == ["engine.book", "engine.engine"]
    assert chosen([]) == list(BENCHES)
    with pytest.raises(SystemExit, match="no bench is called 'engin'"):
        chosen(["engin"])
