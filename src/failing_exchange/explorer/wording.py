"""How little it takes to break a rule, in words."""

from __future__ import annotations

from failing_exchange.explorer.shrink import Shrunk
from failing_exchange.explorer.world import Arm, World


def needed(shrunk: Shrunk) -> str:
    """What of a world is needed: faults and restarts by number, dice as weather."""
    if not shrunk.runs:
        return "not made small"
    world = shrunk.world
    strikes = sum(len(rule["strikes"]) for rule in world.plan)
    counts = ((strikes, "fault"), (len(world.restarts), "restart"))
    parts = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n]
    parts += [weather(arm) for arm in world.faults]
    if world.rate_limit is not None:
        parts.append(f"a limit of {world.rate_limit} requests a minute")
    if world.balances is not None:
        held = [f"{amount:,.8g} {asset}" for asset, amount in world.balances.items()]
        parts.append(f"an account of {', '.join(held) or 'nothing'}")
    if world.latency != World(seed=0, seconds=0).latency:
        parts.append(f"a latency of {world.latency or 0:g} ms")
    if not parts:
        return "no fault is needed for it"
    perhaps = "" if shrunk.complete else " (perhaps less)"
    return f"{' and '.join(parts)} suffice{'s' if shrunk.faults == 1 else ''}{perhaps}"


def weather(arm: Arm) -> str:
    """A fault that strikes by dice: how often, and whom.

    >>> weather(Arm("rate_limited", "chance(0.05)", ("create_order",)))
    'rate_limited on 5 % of create_order'
    """
    whom = " and ".join(arm.operations) or "all requests"
    how, _, number = arm.when.rstrip(")").partition("(")
    if not arm.when:
        return f"{arm.kind} on every one of {whom}"
    if how == "chance":
        return f"{arm.kind} on {100 * float(number):g} % of {whom}"
    if how == "nth":
        return f"one {arm.kind} on {whom}, from request {number} on,"
    return f"{arm.kind} when {arm.when} on {whom}"
