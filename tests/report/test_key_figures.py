"""The numbers at the top of a page: under which name, how they are written, what they mean."""

from __future__ import annotations

from typing import Any

from failing_exchange.report.key_figures import figures_of_run

VERDICT: dict[str, Any] = {
    "wrong": 1_234.5, "untold": 500.0, "requests": 1_200, "amplification": 1.5,
    "requests_in_ban": 2, "faults": 3,
    "placed": 7, "intended": 4, "duplicated": 1, "lost": 0, "orphans": 5, "wrong_s": 90.0,
    "recovery_s": 45.0, "holdings": {"BTC": {"believed": 0.1, "true": 0.3, "difference": 0.2}},
    "exposure": {"BTC/USDT": {"worst": 6_000.0, "worst_amount": 0.12, "seconds": 30.0}},
}  # fmt: skip


def test_each_number_of_a_run_has_its_name() -> None:
    """A number under the name of another is worse than none."""
    assert {fact.name: fact.value for fact in figures_of_run(VERDICT)} == {
        "wrong at the end, USDT": "1,234.50",
        "never told of, USDT": "500.00",
        "traded without being told, at worst, USDT": "6,000.00",
        "requests": "1,200",
        "struck by faults": "3",
        "orders placed": "7",
        "orders never told of": "5",
        "in the dark": "90 s",
        "to recover": "45 s",
    }


def test_a_number_says_what_it_is_made_of() -> None:
    """The definition stands beside it, with its parts."""
    means = {fact.name: fact.means for fact in figures_of_run(VERDICT)}
    assert means["wrong at the end, USDT"].endswith(". BTC: believes +0.1, has +0.3")
    assert means["traded without being told, at worst, USDT"].endswith("up: 0.12 BTC, over 30 s")
    assert means["requests"].startswith(
        "1.50 sent for each that was not a repetition; 2 sent inside"
    )
    assert means["orders placed"] == (
        "orders that the venue accepted; intents: 4 intended, 1 done more than once, 0 never done"
    )


def test_what_is_not_known_is_not_called_zero() -> None:
    """A bot without a notebook is not right, it is unknown; without faults nothing recovers."""
    facts = {fact.name: fact for fact in figures_of_run({"placed": 1})}
    assert facts["wrong at the end, USDT"].value == "not known"
    assert "it keeps no notebook" in facts["wrong at the end, USDT"].means
    assert facts["orders placed"].means == "orders that the venue accepted"
    assert facts["to recover"].value == "no fault"
    assert figures_of_run({"faults": 1})[-1].value == "never"
    assert figures_of_run({}) == []
