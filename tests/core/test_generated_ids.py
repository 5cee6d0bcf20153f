"""Ids that clients leave out are made by the venue, and never meet those that clients choose."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.generated_ids import Named, made_id
from failing_exchange.core.order import AMENDMENTS_MAX, Contingency, OrderType, Status
from failing_exchange.core.queries import FetchOrder
from failing_exchange.core.reject import OrderRule, Reason
from tests.core.floor import BUY, LIMIT, SELL, Floor, S

STOP = OrderType.STOP_LOSS_LIMIT


def next_id(floor: Floor, more: int = 0) -> str:
    """The id that the venue would make for one of the next orders."""
    return made_id(floor.engine.state.next_order_id + more)


def plain(floor: Floor) -> Any:
    return floor.limit("alice", BUY, 50, 1)


def post_only(floor: Floor) -> Any:
    return floor.limit("alice", BUY, 50, 1, post_only=True)


def renamed(floor: Floor) -> Any:
    order = floor.limit("alice", BUY, 50, 5, client_id="mine")
    return floor.do(c.AmendOrder("alice", S, order.order.id, 4, new_client_id=""))


@pytest.mark.parametrize("place", [plain, post_only, renamed])
def test_a_client_may_choose_the_id_that_the_venue_would_make(
    floor: Floor, place: Callable[[Floor], Any]
) -> None:
    """The venue makes another one then: two open orders of one name would end the run."""
    state = floor.engine.state
    number = state.next_order_id + 1
    made = [made_id(number), made_id(number * AMENDMENTS_MAX, Named.AMENDMENT)]
    chosen = made[1] if place is renamed else made[0]
    own = floor.limit("alice", BUY, 49, 1, client_id=chosen)
    other = place(floor)
    assert other.order.client_id != chosen
    assert floor.do(FetchOrder("alice", S, client_id=chosen)).order is own.order
    assert floor.refused(
        c.PlaceOrder("alice", S, BUY, LIMIT, 1, 48, client_id=chosen)
    ).reason is Reason.DUPLICATE_CLIENT_ID  # fmt: skip


def pair(floor: Floor, above: str, below: str, contingency: Contingency | None) -> Any:
    limit = c.PlaceOrder("alice", S, SELL, LIMIT, 1, 150, client_id=above, post_only=True)
    stop = c.PlaceOrder("alice", S, SELL, STOP, 1, 49, stop_ticks=50, client_id=below)
    return c.PlaceOrderList("alice", (limit, stop), contingency)


@pytest.mark.parametrize("contingency", [None, Contingency.OCO])
def test_orders_of_one_list_never_share_an_id(
    floor: Floor, contingency: Contingency | None
) -> None:
    """Neither two chosen ones, nor a chosen one and a made one."""
    twice = floor.refused(pair(floor, "a", "a", contingency))
    assert twice.reason is Reason.DUPLICATE_CLIENT_ID
    chosen = next_id(floor)
    first, second = floor.do(pair(floor, "", chosen, contingency))
    assert second.order.client_id == chosen != first.order.client_id


def test_lists_have_ids_of_their_own(floor: Floor) -> None:
    """A list without an id gets one that no list of the account has."""
    chosen = made_id(floor.engine.state.next_list_id + 1, Named.LIST)
    own = pair(floor, "", "", Contingency.OCO)._replace(client_id=chosen)
    floor.do(own)
    floor.do(pair(floor, "", "", Contingency.OCO))
    names = list(floor.engine.state.accounts["alice"].lists_by_client_id)
    assert len(names) == 2
    assert all(re.fullmatch("[0-9A-Za-z]{22}x*", name) for name in names)


def test_made_ids_look_as_those_of_the_venue() -> None:
    """22 letters and digits, a different one for each number and kind."""
    made = {made_id(number, kind) for number in range(2_000) for kind in Named}
    assert len(made) == 2_000 * len(Named)
    assert all(re.fullmatch("[0-9A-Za-z]{22}", name) for name in made)


# ---- what an order remembers is bounded


def test_an_order_is_amended_only_so_often(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each amendment is kept with the order, so that there must be an end."""
    monkeypatch.setattr("failing_exchange.core.cancel_replace.AMENDMENTS_MAX", 3)
    order = floor.limit("alice", BUY, 50, 9).order
    for lots in (8, 7, 6):
        floor.do(c.AmendOrder("alice", S, order.id, lots))
    assert floor.refused(c.AmendOrder("alice", S, order.id, 5)).rule == OrderRule.AMENDS
    assert (order.lots, len(order.amendments), order.status) == (6, 3, Status.OPEN)
