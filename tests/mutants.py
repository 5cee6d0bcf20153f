"""Change the code at random places, and show which changes no test notices.

python tests/mutants.py [--mutants N] [--seed N] [--seconds N]

mutmut makes the mutants (settings: `[tool.mutmut]` in pyproject.toml) and runs for each only the
tests that reach its function; tests that start processes can't run mutants and are left out, so
that "NO TEST" means: no quick one. It has some 10,000 mutants for the three packages, which take
hours: this draws N of them. mutmut changes nothing outside of functions, so that one in ten of the
N is a constant of a module, halved. The seed is printed; the same seed on the same code draws the
same.

Everything happens in `mutants/`, a copy of the sources. The exit code is 0 with survivors too: some
change nothing that matters, and somebody has to look at each.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "mutants"
PACKAGES = ("judge", "explorer", "report")
# A mutant that every test of the module kills: with it mutmut makes the others, and finds out which
# test reaches which function.
FIRST = "failing_exchange.judge.wording.x_ordinal__mutmut_1"
MUTANTS, SECONDS, SEED_MAX = 200, 3_600.0, 2**32
CONSTANTS = 10  # one in so many mutants is a constant
SHARE_OF_CONSTANTS = 0.3  # of the time; each runs all tests of its module
SAID_MAX = 10_000  # characters of what mutmut says that are shown where it fails
PREPARE_S_MAX = 1_800.0  # to make the mutants and run the tests once; longer is stuck
STATES = {0: "SURVIVED", 5: "NO TEST", 33: "NO TEST", None: "no time"}


class Constant(NamedTuple):
    """A number of a module: `line` is its statement, `halved` the changed one."""

    path: Path
    line: str
    halved: str


def mutmut(*names: str, seconds: float) -> str:
    """`mutmut run`, ended as by Ctrl-C when the time is over; what it has found is kept.

    Gives what it said, without its progress.
    """
    run = [str(Path(sys.executable).with_name("mutmut")), "run", *names]
    with subprocess.Popen(run, cwd=ROOT, env=environment(), start_new_session=True,
                          stdout=subprocess.PIPE, text=True) as process:  # fmt: skip
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
            said, _ = process.communicate()
    return re.sub(r"^[\u2800-\u28ff] .*\n", "", said, flags=re.MULTILINE)[-SAID_MAX:]


def environment() -> dict[str, str]:
    """The tests import the mutated copy, and by default run its code as it was."""
    return os.environ | {"PYTHONPATH": str(COPY / "src"), "MUTANT_UNDER_TEST": ""}


def results() -> dict[str, int | None]:
    """The exit code of the tests by the mutant's name; None: not tried."""
    found: dict[str, int | None] = {}
    for path in sorted(COPY.rglob("*.py.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def diff(name: str) -> str:
    """What a mutant changes."""
    show = [str(Path(sys.executable).with_name("mutmut")), "show", name]
    shown = subprocess.run(show, cwd=ROOT, check=False, capture_output=True, text=True).stdout
    lines = [line for line in shown.splitlines() if re.match(r"[-+](?![-+])", line)]
    return "\n".join(f"    {line}" for line in lines)


def constants() -> Iterator[Constant]:
    """The numbers at the top of the modules."""
    for package in PACKAGES:
        for path in sorted((COPY / "src/failing_exchange" / package).rglob("*.py")):
            source = (ROOT / path.relative_to(COPY)).read_text(encoding="utf-8")
            for node in ast.parse(source).body:
                value = node.value if isinstance(node, ast.Assign) else None
                number = value.value if isinstance(value, ast.Constant) else None
                if isinstance(number, int | float) and not isinstance(number, bool):
                    line = ast.get_source_segment(source, node) or ""
                    half = number // 2 if isinstance(number, int) else number / 2
                    yield Constant(path, line, f"{line.rpartition('=')[0]}= {half}")


def survives(constant: Constant, seconds: float) -> bool | None:
    """Whether the tests that reach a module pass with the constant changed; None: no time."""
    source = constant.path.read_text(encoding="utf-8")
    changed, times = re.subn(
        rf"^{re.escape(constant.line)}", constant.halved, source, flags=re.MULTILINE
    )
    assert times == 1, constant
    stats = json.loads((COPY / "mutmut-stats.json").read_text(encoding="utf-8"))
    module = ".".join(constant.path.relative_to(COPY / "src").with_suffix("").parts)
    reached = stats["tests_by_mangled_function_name"]
    tests = {t for name in reached if name.rpartition(".")[0] == module for t in reached[name]}
    files = sorted({test.partition("::")[0] for test in tests})
    try:
        constant.path.write_text(changed, encoding="utf-8")
        run = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
        ended = subprocess.run(run, cwd=COPY, check=False, env=environment(), timeout=seconds,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    finally:
        constant.path.write_text(source, encoding="utf-8")
    return ended.returncode == 0


def main() -> None:
    """Draw, run, and print what has survived."""
    options = argparse.ArgumentParser(description="Show changes of the code that no test notices.")
    options.add_argument("--mutants", type=int, default=MUTANTS)
    options.add_argument("--seconds", type=float, default=SECONDS, help="of all mutants together")
    options.add_argument("--seed", type=int, help="of the draw (default: drawn)")
    given = options.parse_args()
    seed = random.SystemRandom().randrange(SEED_MAX) if given.seed is None else given.seed
    print(f"{given.mutants} mutants, seed {seed}", flush=True)
    shutil.rmtree(COPY, ignore_errors=True)  # mutmut would keep what has changed since
    (COPY / "src/failing_exchange").mkdir(parents=True)  # Python forgets folders that come later
    said = mutmut(FIRST, seconds=PREPARE_S_MAX)
    if results().get(FIRST) in STATES:
        raise SystemExit(f"{said}\n{FIRST} is not killed: the tests do not run on the mutants")
    draw, until = random.Random(seed), time.monotonic() + given.seconds
    numbers = draw.sample(known := list(constants()), min(len(known), given.mutants // CONSTANTS))
    names = draw.sample(sorted(results()), given.mutants - len(numbers))
    mutmut(*names, seconds=given.seconds * (1 - SHARE_OF_CONSTANTS))
    found = results()
    report = {f"{name}\n{diff(name)}": STATES[found[name]] for name in names
              if found[name] in STATES}  # fmt: skip
    for one in numbers:
        left = until - time.monotonic()
        survived = survives(one, left) if left > 0 else None
        if survived is not False:
            state = "no time" if survived is None else "SURVIVED"
            report[f"{one.path.relative_to(COPY)}: {one.line}\n    + {one.halved}"] = state
    for what, state in report.items():
        print(f"{state} {what}")
    counts = {state: list(report.values()).count(state) for state in sorted(set(STATES.values()))}
    killed = given.mutants - len(report)
    print(f"seed {seed}: {killed} killed, " + ", ".join(f"{n} {s}" for s, n in counts.items()))


if __name__ == "__main__":
    main()
