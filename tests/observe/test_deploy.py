"""deploy/ and the Dockerfile: what they name exists. No Docker is needed to know that."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from failing_exchange import Control
from failing_exchange.cli.main import parser
from failing_exchange.observe.metrics import FAMILIES, PREFIX
from failing_exchange.venues.binance.venue import Binance
from tests.observe.test_manual import METRIC, known_metrics
from tests.server.test_control_server import beside, served
from tests.sources import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
SCRAPE = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana" / "failing-exchange.json").read_text(encoding="utf-8"))
ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = [(one["title"], query["expr"]) for one in DASHBOARD["panels"] for query in one["targets"]]
QUERIES = PANELS + [(rule["alert"], rule["expr"]) for rule in ALERTS]
LABELS = {
    f"{one.full_name}{part}": {*one.labels, *(["le"] if part == "_bucket" else [])}
    for one in FAMILIES
    for part in ("", "_bucket", "_sum", "_count")
}
GIVEN = {"job", "instance"}  # by Prometheus itself


# ---- the dashboard and the alerts


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_a_query_names_metrics_and_labels_that_exist(title: str, query: str) -> None:
    """One that does not is an empty panel, or an alert that never fires."""
    metrics = METRIC.findall(query)
    assert metrics or query.startswith("up{")
    assert set(metrics) <= known_metrics()
    grouped = ",".join(re.findall(r"by \(([^)]*)\)", query))
    used = set(re.findall(r"\w+", grouped))
    used |= set(re.findall(r"[{,]\s*(\w+)\s*[=!]", query))
    assert used <= GIVEN.union(*(LABELS[metric] for metric in metrics))
    for counter in (one.full_name for one in FAMILIES if one.kind == "counter"):
        if counter in metrics and title != "Rules broken":
            assert re.search(rf"(rate|increase)\({counter}\b", query), "a counter only ever grows"


def test_a_legend_and_a_sentence_name_labels_that_are_there() -> None:
    """What is not there is shown as nothing."""
    for panel in DASHBOARD["panels"]:
        for query in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", query["legendFormat"]):
                assert label in query["expr"], panel["title"]
    for rule in ALERTS:
        known = set[str]().union(*(LABELS[metric] for metric in METRIC.findall(rule["expr"])))
        said = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        assert set(said) <= known, rule["alert"]


def test_each_metric_is_on_the_dashboard_or_named_here() -> None:
    """One that nobody looks at is one that nobody needs."""
    shown = {name for _, query in QUERIES for name in METRIC.findall(query)}
    left_out = {"info", "venue_clock_seconds", "journal_halted"}  # labels; the time; is in `sound`
    for one in FAMILIES:
        seen = any(name.startswith(one.full_name) for name in shown)
        assert seen is (one.name not in left_out), one.name
    assert all(name.startswith(PREFIX) for name in shown)


def test_the_panels_lie_beside_each_other() -> None:
    """Two in one place hide each other."""
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


# ---- compose


def test_all_ports_are_those_of_this_machine_alone() -> None:
    """Nobody else's Grafana, and nobody else's control API."""
    for name, service in SERVICES.items():
        assert service["ports"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_what_is_mounted_is_there_and_found() -> None:
    """Docker makes an empty folder of a file that is not."""
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source[0] == "." else source in COMPOSE["volumes"]
    (mounted,) = (v for v in SERVICES["grafana"]["volumes"] if "/etc/dashboards/" in v)
    provider = yaml.safe_load((DEPLOY / "grafana" / "dashboards.yml").read_text("utf-8"))
    (folder,) = (one["options"]["path"] for one in provider["providers"])
    assert mounted.split(":")[1].startswith(f"{folder}/")
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert mounted.split(":")[1] == home
    source = yaml.safe_load((DEPLOY / "grafana" / "datasource.yml").read_text("utf-8"))
    assert source["datasources"][0]["url"] == "http://prometheus:9090"


def test_prometheus_asks_the_venue_with_its_token() -> None:
    """The same secret goes to both, and none is in a file of the project."""
    venue = SERVICES["failing-exchange"]["environment"]
    (job,) = SCRAPE["scrape_configs"]
    port = venue["FAILING_EXCHANGE_CONTROL_PORT"]
    assert job["static_configs"][0]["targets"] == [f"failing-exchange:{port}"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/control_token"
    assert SERVICES["prometheus"]["secrets"] == ["control_token"]
    assert COMPOSE["secrets"] == {"control_token": {"environment": "CONTROL_TOKEN"}}
    assert venue["FAILING_EXCHANGE_CONTROL_TOKEN"].startswith("${CONTROL_TOKEN:?")
    assert SCRAPE["rule_files"] == ["alerts.yml"]


def test_the_environment_of_the_venue_is_one_that_serve_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A variable with a wrong name would be ignored without a word."""
    environment = SERVICES["failing-exchange"]["environment"]
    image = dict(re.findall(r"(FAILING_EXCHANGE_\w+)=(\S+)", DOCKERFILE))
    for name, value in (image | environment).items():
        given = re.sub(r"\${\w+:-(.*)}", r"\1", value)
        monkeypatch.setenv(name, "x" if "CONTROL_TOKEN" in name else given)
    options = parser().parse_args(["serve"])
    assert (options.host, options.port, options.control_port) == ("0.0.0.0", 8080, 8090)
    assert (options.control_token, options.mode, options.rate) == ("x", "MIXED", 0.1)
    assert options.judge
    assert options.journal == "/data/venue.db"


# ---- the image


def test_the_image_runs_without_rights_and_shows_both_ports() -> None:
    """The venue's, and that of page and metrics; the last stage is what is built by default."""
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert stages[-1] == ("base", "venue")
    assert SERVICES["failing-exchange"]["build"]["target"] == "venue"
    assert "EXPOSE 8080 8090" in DOCKERFILE
    base = DOCKERFILE.partition("AS base")[2].partition("FROM ")[0]
    assert "USER venue" in base
    assert "USER" not in DOCKERFILE.partition("AS base")[2].replace("USER venue", "")
    extras = re.findall(r"'\.\[([\w,]+)\]'", DOCKERFILE)
    assert extras == ["metrics,otel,uvloop", "ccxt"]
    for source in re.findall(r"^COPY ([\w./ ]+) \S+$", DOCKERFILE, re.MULTILINE):
        assert all((ROOT / one).exists() for one in source.split()), source


def healthy(monkeypatch: pytest.MonkeyPatch, **environment: str) -> bool:
    """What the image's HEALTHCHECK says."""
    for name in ("PORT", "CONTROL_PORT", "CONTROL_TOKEN"):
        monkeypatch.setenv(f"FAILING_EXCHANGE_{name}", environment.get(name, ""))
    return bool(runpy.run_path(str(DEPLOY / "healthcheck.py"))["main"]() == 0)


def test_the_image_is_healthy_while_the_venue_is_sound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks the control API; it leaves nothing in the journal, and no fault strikes it."""

    async def story(venue: Binance, control: Control) -> None:
        asked = {"CONTROL_PORT": control.url.rpartition(":")[2], "CONTROL_TOKEN": "secret"}
        before = venue.exchange.journal.last
        assert await beside(healthy, monkeypatch, **asked)
        assert not await beside(healthy, monkeypatch, **asked | {"CONTROL_TOKEN": "wrong"})
        assert "401" in capsys.readouterr().err
        port = str(venue._listeners[0].port)
        assert await beside(healthy, monkeypatch, PORT=port)
        assert venue.exchange.journal.last == before
        venue.exchange.venue.gateway.failure = ValueError("a bug")
        assert not await beside(healthy, monkeypatch, **asked)
        assert "'ok': False" in capsys.readouterr().err
        venue.exchange.venue.gateway.failure = None
        assert not await beside(healthy, monkeypatch, PORT="1")
        assert "refused" in capsys.readouterr().err

    served(story, token="secret")


@pytest.mark.slow
def test_what_the_dockerfile_runs_makes_a_venue_that_serves(tmp_path: Path) -> None:
    """Its commands for the image `venue`, in a folder: the files it copies are all it needs."""
    stage = DOCKERFILE.partition("AS build\n")[2].partition("FROM ")[0].replace("\\\n", "")
    copied = re.findall(r"^COPY ([\w./ ]+) \S+$", stage, re.MULTILINE)
    for one in " ".join(copied).split():
        subprocess.run(["cp", "-r", ROOT / one, tmp_path / one], check=True)
    for line in re.findall(r"^RUN (.*)$", stage, re.MULTILINE):
        command = line.replace("/opt/venv", str(tmp_path / "venv"))
        here = command.replace("python -m", f"{sys.executable} -m", 1)
        here = here.replace("constraints.txt pip ", f"constraints.txt {sys.executable} -m pip ")
        subprocess.run(here, shell=True, cwd=tmp_path, check=True, timeout=300)
    program = tmp_path / "venv" / "bin" / "failing-exchange"
    options = ["serve", "binance", "--port", "0", "--page", "--control-port", "0", "--uvloop"]
    with subprocess.Popen([program, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[Any] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("page: "):
                break
        try:
            control = Control(lines[-1].removeprefix("page: ").rstrip("/\n"))
            assert "failing_exchange_sound 1.0" in control.metrics()
        finally:
            process.terminate()
            assert "stopped after" in process.stdout.read()
    assert process.returncode == 0
