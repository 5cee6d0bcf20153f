"""deploy/ as Prometheus itself reads it; skipped where `promtool` and `prometheus` are missing."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.observe.test_deploy import DEPLOY, PANELS, SCRAPE

PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
TOKEN = "a-token-of-this-test"
PATIENCE_S = 60.0


@pytest.mark.slow
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_takes_the_rules_and_each_alert_fires(tmp_path: Path) -> None:
    """An alert that can't fire is found when it is needed."""
    assert PROMTOOL is not None
    story = (Path(__file__).parent / "alerts_test.yml").read_text(encoding="utf-8")
    (tmp_path / "alerts_test.yml").write_text(
        story.replace("ALERTS", str(DEPLOY / "alerts.yml")), encoding="utf-8"
    )
    for arguments in (
        ["check", "rules", str(DEPLOY / "alerts.yml")],
        ["check", "config", "--syntax-only", str(DEPLOY / "prometheus.yml")],
        ["test", "rules", "alerts_test.yml"],
    ):
        ran = subprocess.run(
            [PROMTOOL, *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


def asked(url: str, **headers: str) -> Any:
    """The JSON of an answer."""
    with urlopen(Request(url, headers=headers), timeout=10) as answer:
        return json.loads(answer.read())


def trade(venue: dict[str, Any], name: str) -> None:
    """Place an order as a bot does; some requests fail, since the venue does."""
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
              "quantity": "0.001", "price": "30000", "newClientOrderId": name,
              "timestamp": int(time.time() * 1_000)}  # fmt: skip
    query = urlencode(params)
    signature = hmac.new(venue["secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
    order = Request(
        f"{venue['url']}/api/v3/order?{query}&signature={signature}", method="POST",
        headers={"X-MBX-APIKEY": venue["key"]},
    )  # fmt: skip
    for request in (order, Request(f"{venue['url']}/fapi/v1/time"), Request(f"{venue['url']}/x")):
        with suppress(OSError):  # of which all of urllib's errors are
            urlopen(request, timeout=10).close()


@contextmanager
def started(*command: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program until the end of the block."""
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def watched_by_prometheus(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """A failing venue that is served, and the URL of the Prometheus that scrapes it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = (sys.executable, "-m", "failing_exchange", "serve", "--port", "0", "--control-port",
             "0", "--control-token", TOKEN, "--judge", "--journal", str(folder / "venue.db"),
             "--mode", "MIXED", "--rate", "0.5", "--json")  # fmt: skip
    with started(*serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        venue = json.loads(process.stdout.readline())
        prometheus = (str(PROMETHEUS), "--config.file", configured(folder, venue["control_url"]),
                      "--storage.tsdb.path", str(folder / "data"),
                      "--web.listen-address", f"127.0.0.1:{port}")  # fmt: skip
        with started(*prometheus, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            yield venue, f"http://127.0.0.1:{port}"


def configured(folder: Path, control_url: str) -> str:
    """deploy/prometheus.yml with this venue's address and token, and a faster pace."""
    config: dict[str, Any] = json.loads(json.dumps(SCRAPE))
    config["global"] = dict.fromkeys(config["global"], "250ms")
    (job,) = config["scrape_configs"]
    job["static_configs"][0]["targets"] = [control_url.removeprefix("http://")]
    job["authorization"]["credentials_file"] = str(folder / "token")
    config["rule_files"] = [str(DEPLOY / "alerts.yml")]
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return str(folder / "prometheus.yml")


def values_of(prometheus: str, query: str) -> list[Any]:
    """What Prometheus answers to a query; it must have nothing to warn of."""
    query = query.replace("$__rate_interval", "15s")
    found = asked(f"{prometheus}/api/v1/query?query={quote(query)}")
    assert found["status"] == "success", query
    assert not found.get("warnings"), query
    result: list[Any] = found["data"]["result"]
    return result


@pytest.mark.slow
@pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed")
def test_prometheus_scrapes_the_venue_and_each_panel_has_values(tmp_path: Path) -> None:
    """The token, the text format, each query of the dashboard, and each alert's state."""
    empty = {title for title, _ in PANELS}
    with watched_by_prometheus(tmp_path) as (venue, prometheus):
        until = time.monotonic() + PATIENCE_S
        while empty and time.monotonic() < until:
            trade(venue, f"bot-{time.monotonic_ns()}")
            try:
                empty = {title for title, query in PANELS if not values_of(prometheus, query)}
            except URLError:  # it is still starting
                continue
        assert not empty
        (target,) = asked(f"{prometheus}/api/v1/targets")["data"]["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        (group,) = asked(f"{prometheus}/api/v1/rules")["data"]["groups"]
        assert {rule["health"] for rule in group["rules"]} == {"ok"}
        assert values_of(prometheus, 'up{job="failing-exchange"}')[0]["value"][1] == "1"
