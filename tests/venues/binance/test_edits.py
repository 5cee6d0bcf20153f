"""Fields that a fault has changed, in the venue's own names and kinds of values."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.venues.binance_common.edits import EVENT_FIELDS, edit

ORDER = {"orderId": 7, "status": "NEW", "executedQty": "0.00000000", "price": "1.00000000"}


@pytest.mark.parametrize(
    ("name", "value", "changed"),
    [
        ("id", "9000000001", {"orderId": 9_000_000_001}),
        ("id", None, {"orderId": None}),
        ("status", "closed", {"status": "FILLED"}),
        ("status", "canceled", {"status": "CANCELED"}),
        ("filled", 0.5, {"executedQty": "0.50000000"}),
        ("filled", None, {"executedQty": None}),
        ("executedQty", "?", {"executedQty": "?"}),  # by the venue's own name
        ("average", None, {}),  # the venue has no such field
    ],
)
def test_a_field_says_something_else(name: str, value: Any, changed: dict[str, Any]) -> None:
    """Numbers stay text with eight places, words are the venue's."""
    assert edit(ORDER, [(name, value)]) == ORDER | changed
    assert ORDER["orderId"] == 7


def test_fields_go_missing_in_each_entry_of_a_list() -> None:
    """As in process, where `...` stands for a field that is not there."""
    assert edit([ORDER, ORDER], [("price", ...)])[1].keys() == ORDER.keys() - {"price"}


def test_something_else_stands_in_the_answers_place() -> None:
    """An empty success, a bare id, an error inside of a success."""
    assert edit(ORDER, [("*", None)]) is None
    assert edit(ORDER, [("*", {"id": "7", "info": {}})]) == {"orderId": "7"}
    assert edit(ORDER, [("info", {"result": False}), ("id", None)]) == {"result": False}


def test_events_have_letters() -> None:
    """The same edits strike pushes."""
    report = {"i": 7, "X": "NEW", "z": "0.00000000"}
    edits = [("status", "closed"), ("filled", 1)]
    assert edit(report, edits, EVENT_FIELDS) == {"i": 7, "X": "FILLED", "z": "1.00000000"}
