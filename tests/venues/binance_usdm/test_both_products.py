"""USD-M under its production names, alone and beside Spot."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from failing_exchange import simulate

FAPI, API = "https://fapi.binance.com", "https://api.binance.com"


async def asked(*urls: str) -> list[tuple[int, Any]]:
    """Status and body of each."""
    async with aiohttp.ClientSession() as session:
        found = []
        for url in urls:
            async with session.get(url) as response:
                found.append((response.status, await response.json(content_type=None)))
        return found


def test_a_simulation_answers_under_the_venues_name() -> None:
    """An unmodified client with production's URL meets the default perpetuals."""
    (info, server, gone) = simulate(
        asked(f"{FAPI}/fapi/v1/exchangeInfo", f"{FAPI}/fapi/v1/time", f"{FAPI}/fapi/v1/account"),
        venue="binance-usdm",
    )
    assert [row["symbol"] for row in info[1]["symbols"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    btc = {one["filterType"]: one for one in info[1]["symbols"][0]["filters"]}
    assert btc["MIN_NOTIONAL"]["notional"] == "50"
    assert btc["MAX_NUM_ORDERS"]["limit"] == 200
    assert server[0] == 200
    assert gone == (
        404,
        {"code": -5000, "msg": "GET /fapi/v1/account is retired, please use GET /fapi/v2/account"},
    )


@pytest.mark.parametrize("venues", ["binance", ["binance", "binance-usdm"]])
def test_spot_and_usdm_each_answer_on_their_hosts(venues: Any) -> None:
    """One exchange stands behind both products; neither lists what the other one trades."""
    spot, futures, inverse = simulate(
        asked(
            f"{API}/api/v3/exchangeInfo",
            f"{FAPI}/fapi/v1/exchangeInfo",
            "https://dapi.binance.com/dapi/v1/exchangeInfo",
        ),
        venue=venues,
    )
    assert len(spot[1]["symbols"]) == 5
    assert len(futures[1]["symbols"]) == 3
    assert inverse[1]["symbols"] == []
