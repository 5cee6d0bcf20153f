"""The command `doctor`: check what this machine has, and say what to do."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from failing_exchange.cli.exit_codes import CLEAN, COULD_NOT_RUN
from failing_exchange.cli.json_output import add_json, finish
from failing_exchange.cli.terminal import fitted

PORTS = {8080: "serve", 8090: "serve --control-port and ctl"}  # the usual ones
EXTRAS = {
    "ccxt": "ccxt's exceptions and clients",
    "uvloop": "a faster event loop of `serve`",
    "hypothesis": "property tests of your bot (`fault_plans`)",
    "mcp": "a venue for AI agents (`mcp`)",
    "dask": "exploring on a cluster (`explore --dask`)",
    "metrics": "`/metrics` in the format of Prometheus",
    "otel": "a span of each request (`serve --otel`)",
}
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # a clock before this is wrong: certificates fail
GOOD, NOTE, BAD = "ok", "note", "mend"
MARKS = {GOOD: "ok  ", NOTE: "note", BAD: "MEND"}


class Check(NamedTuple):
    """One line: what was looked at, `ok`, `note` or `mend`, what was found, and what to do."""

    name: str
    state: str
    found: str
    to_do: str = ""


def add_parser(commands: Any) -> None:
    """Add `doctor` to the command line."""
    doctor = commands.add_parser(
        "doctor", help="check versions, ports, clock and extras; say what to do"
    )
    add_json(doctor)
    doctor.set_defaults(command=doctor_command)


def doctor_command(options: argparse.Namespace) -> int:
    """Print the checks; something to mend ends with `COULD_NOT_RUN`."""
    checks = list(all_checks())
    width = max(len(check.name) for check in checks)
    for check in () if options.json else checks:
        to_do = f": {check.to_do}" if check.to_do else ""
        print(fitted(f"{MARKS[check.state]}  {check.name:<{width}}  {check.found}{to_do}"))
    code = COULD_NOT_RUN if any(check.state == BAD for check in checks) else CLEAN
    rows = [check._asdict() for check in checks]
    return finish(options, {"kind": "doctor", "checks": rows}, code)


def all_checks() -> Iterator[Check]:
    """Every check, in the order in which it is shown."""
    import tempfile

    yield _python()
    yield from _packages()
    yield from _extras()
    yield _plugin()
    for port, used_by in PORTS.items():
        yield port_check(port, used_by)
    yield clock_check(datetime.now(UTC))
    yield _fork()
    yield folder_check(tempfile.gettempdir())


def _python() -> Check:
    wanted = (3, 11) <= sys.version_info[:2] <= (3, 13)
    found = f"{sys.version.split()[0]} at {sys.executable}"
    to_do = "" if wanted else "use Python 3.11, 3.12 or 3.13"
    return Check("python", GOOD if wanted else BAD, found, to_do)


def _packages() -> Iterator[Check]:
    """This package, and what it needs."""
    from importlib.metadata import requires, version

    yield Check("package", GOOD, f"failing-exchange {version('failing-exchange')}")
    needed = [line for line in requires("failing-exchange") or () if "extra ==" not in line]
    for name in sorted(_name_of(line) for line in needed):
        found = _version_of(name)
        if found is None:
            yield Check(name, BAD, "not installed", f"pip install {name}")
        else:
            yield Check(name, GOOD, found)


def _extras() -> Iterator[Check]:
    from importlib.metadata import requires

    for line in requires("failing-exchange") or ():
        extra = line.partition("extra == ")[2].strip("'\" )")
        name = _name_of(line)
        found = _version_of(name) if extra else ""
        if not extra or (found is None and extra == "uvloop" and sys.platform == "win32"):
            continue
        what = EXTRAS.get(extra, f"the extra {extra}")
        if found is None:
            to_do = f"pip install 'failing-exchange[{extra}]'"
            yield Check(name, NOTE, f"not installed; it gives {what}", to_do)
        else:
            yield Check(name, GOOD, found)


def _name_of(requirement: str) -> str:
    """The package of a requirement.

    >>> _name_of("time-machine<4,>=3.6")
    'time-machine'
    """
    return requirement.translate(dict.fromkeys(map(ord, "<>=!~;[("), " ")).split()[0]


def _version_of(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _plugin() -> Check:
    """Whether pytest, where it is installed, finds the plugin."""
    from importlib.metadata import entry_points, version

    if _version_of("pytest") is None:
        return Check(
            "pytest", NOTE, "not installed; its plugin comes with us", "pip install pytest"
        )
    if not entry_points(group="pytest11", name="failing_exchange"):
        return Check("pytest", BAD, "does not find our plugin", "install failing-exchange again")
    return Check("pytest", GOOD, f"{version('pytest')}, with the plugin")


def port_check(port: int, used_by: str) -> Check:
    """Whether a port of loopback is free."""
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            to_do = "name another port (--port, --control-port), 0 takes a free one"
            return Check(f"port {port}", NOTE, f"not free for {used_by} ({reason})", to_do)
    return Check(f"port {port}", GOOD, f"free for {used_by}")


def clock_check(now: datetime) -> Check:
    """Whether the clock can be right, and what it resolves."""
    found = f"{now:%Y-%m-%d %H:%M} UTC, steps of {time.get_clock_info('monotonic').resolution:g} s"
    if now < EARLIEST:
        return Check("clock", BAD, found, "set the clock: certificates and signatures need it")
    return Check("clock", GOOD, found)


def _fork() -> Check:
    if hasattr(os, "fork"):
        return Check("fork", GOOD, "there: `explore` works")
    to_do = "for `explore` use Linux, macOS, WSL or the container image"
    return Check("fork", NOTE, "not on this system; all but `explore` works", to_do)


def folder_check(folder: str) -> Check:
    """Whether files can be written to the folder for temporary ones."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x" * 4096)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return Check("files", BAD, f"{folder} can't be written ({reason})", "set TMPDIR")
    return Check("files", GOOD, f"{folder} can be written")
