"""An account that was used before: leverage and modes of contracts that others have left it with.

Scenario files and the worlds of `explore` say so by one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.core.collateral import SetMultiAssets
from failing_exchange.core.commands import SetLeverage, SetMarginMode, SetPositionMode
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_whole

if TYPE_CHECKING:
    from failing_exchange.venue.venue import RunningVenue

SETTINGS = {
    "leverage": lambda value: is_whole(value) and value > 0,
    "margin_mode": lambda value: value in ("cross", "isolated"),
    "hedge": lambda value: isinstance(value, bool),
    "multi_assets": lambda value: isinstance(value, bool),
}


def check_settings(settings: object, where: str) -> None:
    """Raise ConfigurationError for settings that an account can't have."""
    if not isinstance(settings, Mapping) or any(
        name not in SETTINGS or not SETTINGS[name](value) for name, value in settings.items()
    ):
        raise ConfigurationError(
            f"{where} is {settings!r}; expected leverage (a whole number), margin_mode ('cross' or "
            "'isolated'), hedge and multi_assets (true or false)"
        )
    if settings.get("multi_assets") and settings.get("margin_mode") == "isolated":
        raise ConfigurationError(
            f"{where} is {settings!r}; multi-assets mode has only cross margin"
        )


def leave_with(venue: RunningVenue, account: str, settings: Mapping[str, Any]) -> None:
    """Give an account these settings, in all contracts: now, or when the venue starts.

    Raises ConfigurationError where the account may not change them any more.
    """
    if venue.engine is None:
        venue.on_start.append(lambda: leave_with(venue, account, settings))
        return
    try:
        for command in _commands(venue, account, settings):
            venue.operate(command)
    except Reject as refused:
        raise ConfigurationError(
            f"the account {account!r} can't be left with {dict(settings)!r}: {refused}"
        ) from refused


def _commands(venue: RunningVenue, account: str, settings: Mapping[str, Any]) -> list[Any]:
    commands: list[Any] = []
    if settings.get("hedge"):
        commands.append(SetPositionMode(account, True))
    if settings.get("multi_assets"):
        commands.append(SetMultiAssets(account, True))
    for market in venue.markets.values():
        if market.contract is None:
            continue
        if settings.get("margin_mode") == "isolated":
            commands.append(SetMarginMode(account, market.symbol, MarginMode.ISOLATED))
        if "leverage" in settings:
            most = market.contract.leverage_max
            commands.append(SetLeverage(account, market.symbol, min(settings["leverage"], most)))
    return commands
