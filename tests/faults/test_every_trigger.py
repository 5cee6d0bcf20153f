"""Every trigger with every fault: it strikes, or it is refused before the run."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import NAMING_AN_ORDER, PARSED
from tests.faults.stories import Story
from tests.faults.test_both_columns import STORIES
from tests.server.test_every_wire_fault import TABLE, WIRE, Row
from tests.venues.binance.raw import Place, at

CENTURY = "between(946684800000000000, 4102444800000000000)"
ALL_TIMES = {  # of each trigger, so that it strikes each request
    "chance": "chance(1)", "nth": "nth(1)", "first": "first(1000)", "every": "every(1)",
    "after": "after(0)", "between": CENTURY, "elapsed": "elapsed(0)", "hours": "hours(0, 24)",
    "ramp": "ramp(1, 1, 60)", "burst": "burst(1, 0)", "load": "load(above=0, seconds=1)",
    "sequence": "sequence(True, repeat=True)", "while_failing": "while_failing('other')",
    "filled": "filled(0)",
}  # fmt: skip
ALONE = [name for name in ALL_TIMES if name not in ("while_failing", "filled")]  # need more


def test_every_trigger_is_tried() -> None:
    """A new one has its row."""
    assert list(ALL_TIMES) == list(PARSED)


@pytest.mark.parametrize("fault", CATALOGUE)
def test_what_can_never_strike_is_refused(fault: str) -> None:
    """By what the trigger looks at: an order that no such request names, a rule that is not."""
    exchange = FailingExchange()
    for name in ALONE:
        exchange.arm(fault, ALL_TIMES[name])
    with pytest.raises(ConfigurationError, match="no rule named 'other' is armed; arm it before"):
        exchange.arm(fault, "while_failing('other') | nth(1)")
    exchange.arm("delay_answer", name="other")
    exchange.arm(fault, "while_failing('other')")
    if NAMING_AN_ORDER.isdisjoint(CATALOGUE[fault].operations):
        with pytest.raises(ConfigurationError, match="never strikes here: it looks at the order"):
            exchange.arm(fault, "filled(0.5) & chance(0.5)")
    else:
        exchange.arm(fault, "filled(0.5) & chance(0.5)")
    exchange.arm(fault, "filled(0.5) | nth(3)")


def seen(fault: str, story: Story, when: str) -> tuple[Any, Any]:
    """Both columns of a story in which a fault has this trigger."""

    async def main() -> tuple[Any, Any]:
        async with FailingExchange(latency=None, markets=list(story.markets)) as x:
            await x.fetch_time()

            def arm() -> None:
                x.arm(fault, when, operations=story.on, **story.fields)

            return await story.tell(x, arm)

    return simulate(main())


@pytest.mark.slow
@pytest.mark.parametrize("trigger", ALONE)
def test_a_trigger_strikes_with_each_fault(trigger: str) -> None:
    """What the story of a fault shows, it shows whatever the trigger is."""
    for fault, story in STORIES.items():
        once = trigger == "nth" or story.when != "always"
        plain = story.when if story.when != "always" or not once else "nth(1)"
        when = f"{ALL_TIMES[trigger]} & first(1)" if once else ALL_TIMES[trigger]
        assert seen(fault, story, when) == seen(fault, story, plain), (fault, when)


def struck(fault: str, when: str, row: Row) -> int:
    """How often a fault of the wire strikes with this trigger, while a raw socket looks."""

    async def story(place: Place) -> int:
        def arm() -> None:
            place.exchange.arm(fault, when, operations=row.operations, **row.fields)

        await row.view(place, arm)
        return place.exchange.armed[0].struck

    return at(row.doors[0], story, tls=row.tls, beats=row.beats)


@pytest.mark.slow
@pytest.mark.parametrize("trigger", ALONE)
def test_a_trigger_strikes_with_each_fault_of_the_wire(trigger: str) -> None:
    """Connections, bytes and frames are met by it like requests."""
    for fault in WIRE:
        assert struck(fault, ALL_TIMES[trigger], TABLE[fault][0]) > 0, fault
