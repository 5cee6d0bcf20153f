"""The compose file's three services, as processes: no Docker is needed to know that they work."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import pytest

from tests.sources import ROOT

COMPOSE = (ROOT / "docker-compose.test.yml").read_text(encoding="utf-8")
RUNNER = "pytest tests/integration/test_exchange_failures.py"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_three_services_of_the_seed_are_there() -> None:
    """Names, environment and commands are those of the document that the project began with."""
    services = re.findall(r"^  ([\w-]+):$", COMPOSE, re.MULTILINE)
    assert services == ["failing-exchange", "trading-system", "test-runner"]
    for line in ('FAILURE_MODE: "MIXED"', 'FAILURE_RATE: "0.1"', 'ENABLE_RETRIES: "true"',
                 'MAX_RETRIES: "3"', 'EXCHANGE_URL: "http://failing-exchange:8080"',
                 f"command: {RUNNER}"):  # fmt: skip
        assert line in COMPOSE
    targets = re.findall(r"target: ([\w-]+)", COMPOSE)
    assert targets == ["venue", "trader", "test-runner"]
    assert set(targets) <= set(re.findall(r"^FROM .* AS ([\w-]+)$", DOCKERFILE, re.MULTILINE))


def test_the_image_runs_as_nobody_special_and_says_when_it_is_ready() -> None:
    """A container that runs as root, or is ready too early, is a trap."""
    assert re.search(r"^USER venue$", DOCKERFILE, re.MULTILINE)
    assert "HEALTHCHECK --interval" in DOCKERFILE
    assert 'ENTRYPOINT ["failing-exchange"]' in DOCKERFILE


def test_the_three_commands_run_with_that_environment() -> None:
    """`serve`, `trade` and the tests take all they need from the environment, and end well."""
    start = [sys.executable, "-m", "failing_exchange"]
    environment = os.environ | {"FAILURE_MODE": "MIXED", "FAILURE_RATE": "0.1",
                                "FAILING_EXCHANGE_PORT": "0", "PYTHONUNBUFFERED": "1"}  # fmt: skip
    with subprocess.Popen(
        [*start, "serve"], stdout=subprocess.PIPE, text=True, env=environment
    ) as served:
        assert served.stdout is not None
        url = served.stdout.readline().split(" at ")[1].split(",")[0]
        environment |= {"EXCHANGE_URL": url, "ENABLE_RETRIES": "true", "MAX_RETRIES": "3"}
        traded = subprocess.run(
            [*start, "trade", "--duration", "3"], stdout=subprocess.PIPE, text=True,
            env=environment, timeout=60, check=True,
        )  # fmt: skip
        tested = subprocess.run(
            [sys.executable, "-m", *RUNNER.split(" "), "-q", "-p", "no:cacheprovider"],
            stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT, timeout=120, check=False,
        )  # fmt: skip
        served.terminate()
        rest = served.stdout.read()
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout
    assert traded.stdout.startswith(f"trade: the careful bot at {url}")
    assert "orders done" in traded.stdout
    requests = re.search(r"stopped after (\d+) requests", rest)
    assert requests is not None
    assert int(requests[1]) > 0
    assert served.returncode == 0


@pytest.mark.slow
def test_the_bot_trades_with_a_venue_that_encrypts() -> None:
    """Its keys are the documented ones: there is nothing to verify a certificate for."""
    start = [sys.executable, "-m", "failing_exchange"]
    with subprocess.Popen(
        [*start, "serve", "--port", "0", "--tls"], stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        url = served.stdout.readline().split(" at ")[1].split(",")[0]
        traded = subprocess.run(
            [*start, "trade", "--url", url, "--duration", "3"], capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        served.terminate()
    assert (traded.returncode, traded.stderr) == (0, "")
    assert f"trade: the careful bot at {url}" in traded.stdout


@pytest.mark.slow
def test_a_bot_that_nobody_answers_says_so() -> None:
    """A port that takes connections and never answers is no quiet day.

    A port that is closed: tests/test_cli.py.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        ran = subprocess.run(
            [sys.executable, "-m", "failing_exchange", "trade", "--url", url, "--duration", "1"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert ran.returncode == 2
    assert f"no venue answered at {url}" in ran.stderr


def test_a_server_stops_while_a_client_waits_for_a_lost_answer() -> None:
    """SIGTERM ends it, whoever still hopes to hear something."""
    environment = os.environ | {"FAILURE_MODE": "TIMEOUT", "FAILURE_RATE": "1"}
    command = [sys.executable, "-m", "failing_exchange", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as served:
        assert served.stdout is not None
        url = served.stdout.readline().split(" at ")[1].split(",")[0]
        host, port = url.removeprefix("http://").split(":")
        place = host, int(port)
        with socket.create_connection(place) as waiting, socket.create_connection(place) as other:
            waiting.sendall(b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n")
            other.sendall(b"GET /api/v3/nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            assert other.recv(12) == b"HTTP/1.1 404"  # so the first request has arrived, too
            served.terminate()
            assert served.wait(timeout=10) == 0
            assert waiting.recv(1) == b"", "an answer that should be lost"
            assert "1 requests: 1 struck" in served.stdout.read()
