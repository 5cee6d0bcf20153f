"""What is explored: a bot by its name, a function of a file or module, or a test."""

from __future__ import annotations

from failing_exchange.playing import Bot, find_bot, makes_own_clients, parameters


def load(target: str) -> Bot:
    """The bot of a target; raises ConfigurationError for one that is not there."""
    return find_bot(target)


def venue_of(bot: Bot) -> str:
    """The venue whose production names a bot uses; empty for one that is given a client."""
    return "binance" if makes_own_clients(bot) else ""


def takes_intents(bot: Bot) -> bool:
    """Whether a bot lets others say what it is to do."""
    return "intents" in parameters(bot)
