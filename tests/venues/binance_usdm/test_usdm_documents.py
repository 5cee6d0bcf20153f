"""The table of endpoints in docs/usdm_endpoints.md tells what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from failing_exchange.venues.binance_usdm.usdm_examples import UsdmExamples
from tests.venues.binance_usdm.usdm_client import UsdmClient, on_usdm

TABLE = Path(__file__).parents[3] / "docs" / "usdm_endpoints.md"
NAME = re.compile(r"`((?:GET|POST|PUT|DELETE) /\S+)`")
SERVED, ABSENT = (NAME.findall(part) for part in TABLE.read_text().split("## Absent"))
LISTEN_KEYS = {f"{method} /fapi/v1/listenKey" for method in ("POST", "PUT", "DELETE")}


def test_the_table_names_every_endpoint_once() -> None:
    """A user who looks there for an endpoint finds what is true of this version."""
    ours = {
        name for name in UsdmExamples().endpoints if name.split()[1][:6] in ("/fapi/", "/futur")
    }
    assert sorted(SERVED) == sorted(ours | LISTEN_KEYS)


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_absent_is_an_unknown_path(name: str) -> None:
    """As the venue says it, and not with an empty answer that looks like data."""

    async def story(client: UsdmClient) -> None:
        method, path = name.split()
        got = await client.signed(method, path)
        assert (got.status, got.body["code"]) == (404, -5000)

    on_usdm(story)
