"""What importing costs, beside `import asyncio` in the same run; each in a fresh process.

python bench/imports.py
"""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 15  # interleaved; the best of each case counts
CASES = {
    "bare": ["-c", "pass"],
    "asyncio": ["-c", "import asyncio"],
    "failing_exchange": ["-c", "import failing_exchange"],
    "FailingExchange": ["-c", "from failing_exchange import FailingExchange"],
    "--help": ["-m", "failing_exchange", "--help"],
}


def seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    best = dict.fromkeys(CASES, 1e9)
    for _ in range(ROUNDS):
        for name, arguments in CASES.items():
            best[name] = min(best[name], seconds(arguments))
    bare = best["bare"]
    over = {name: (spent - bare) * 1e3 for name, spent in best.items()}
    for name, ms in over.items():
        print(f"{name:>17}: {ms:6.1f} ms over bare Python")
    ours = over["FailingExchange"] / over["asyncio"]
    print(f"from failing_exchange import FailingExchange: {ours:.2f} x asyncio (at most 1.7)")
    print(f"--help: {over['--help'] / over['FailingExchange']:.2f} x that (under 2)")


if __name__ == "__main__":
    main()
