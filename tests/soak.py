"""Run the property tests and the explorer with seeds that no earlier run has used.

python tests/soak.py [SECONDS] [--seed N]

`make test` draws the same examples in every run, so that it can gate a change; after its first
green run it finds only what comes back. This draws anew until the time is over: property tests
first, each round with another seed, then worlds for each of the careful reference bots, which must
survive them all. The seed of each round is printed before the round starts; with `--seed` the first
round uses that one. The exit code is 1 as soon as a round has failed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600.0
SEED_MAX = 2**32  # what Hypothesis and the explorer both accept
BOTS = ("minute-careful", "maker-careful", "stopper-careful", "streamer-careful")
WORLDS_S = 30.0  # real time for the worlds of one bot in a round
WORLDS_MAX = 100_000  # never reached in that time
ROUND_S_MAX = 1_800.0  # a round that takes longer is stuck: it is ended and counts as failed


def commands(seed: int) -> Iterator[list[str]]:
    """What a round runs, each with the round's seed."""
    yield [
        "-m", "pytest", "-q", "-m", "hypothesis", "--numprocesses", "auto",
        "--hypothesis-profile", "soak", f"--hypothesis-seed={seed}",
    ]  # fmt: skip
    for bot in BOTS:
        yield [
            "-m", "failing_exchange", "explore", bot, "--first-seed", str(seed),
            "--seeds", str(WORLDS_MAX), "--time", str(WORLDS_S),
        ]  # fmt: skip


def run(arguments: list[str]) -> bool:
    """Whether a command ended well; its output is shown as it comes."""
    print("+ python", *arguments, flush=True)
    try:
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            check=False,
            timeout=ROUND_S_MAX,
            env={**os.environ, "THOROUGH": "1"},
        )
    except subprocess.TimeoutExpired:
        print(f"still running after {ROUND_S_MAX:.0f} s", flush=True)
        return False
    return ended.returncode == 0


def main() -> int:
    """Rounds until the time is over or one has failed."""
    options = argparse.ArgumentParser(description="Draw property tests and worlds anew.")
    options.add_argument("seconds", type=float, nargs="?", default=SECONDS)
    options.add_argument("--seed", type=int, help="of the first round (default: drawn)")
    given = options.parse_args()
    draw = random.SystemRandom()
    until = time.monotonic() + given.seconds
    rounds, failed = 0, 0
    seed = draw.randrange(SEED_MAX) if given.seed is None else given.seed
    while not failed and (rounds == 0 or time.monotonic() < until):
        print(f"round {rounds + 1}, seed {seed}", flush=True)
        failed = sum(not run(one) for one in commands(seed))
        rounds, seed = rounds + 1, draw.randrange(SEED_MAX)
    print(f"{rounds} rounds, {failed} commands failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
