"""Bots with one bug each, named after what they do wrong; their docstrings name the incident.

They show that a scenario harms a bot which has the bug that it is about, and they measure what the
explorer finds (tests/recall.py).

>>> "prices-from-empty-book" in FLAWED
True
"""

from __future__ import annotations

from failing_exchange.runs.bots.flawed import (
    contract_books,
    contract_exits,
    event_bots,
    hedged_bots,
    kinds,
    life,
    money,
    order_bots,
    prices,
    wire,
)
from failing_exchange.runs.bots.flawed.base import CAREFUL, FLAWED, TWINS

__all__ = [
    "CAREFUL",
    "FLAWED",
    "TWINS",
    "contract_books",
    "contract_exits",
    "event_bots",
    "hedged_bots",
    "kinds",
    "life",
    "money",
    "order_bots",
    "prices",
    "wire",
]
