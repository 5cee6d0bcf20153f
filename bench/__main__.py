"""python -m bench: run benches, print one table, write it as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
from pathlib import Path
from typing import Any

import bench
from bench.harness import BENCHES, Size, Unavailable, measure


def load() -> None:
    """Import all modules of benches: each registers its own."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"bench.{module.name}")


def chosen(names: list[str]) -> list[str]:
    """The benches that are meant by names, of themselves or of their modules."""
    for name in names:
        if not any(name in (one, one.partition(".")[0]) for one in BENCHES):
            raise SystemExit(f"no bench is called {name!r}; there are {', '.join(BENCHES)}")
    return [n for n in BENCHES if not names or n in names or n.partition(".")[0] in names]


def main(arguments: list[str] | None = None) -> int:
    """1 where a target was missed."""
    # Where that is set, each process that a bench starts compiles all modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="benches or their modules; without any, all")
    parser.add_argument("--quick", action="store_true", help="only show that they run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--mountebank", default="", metavar="FOLDER", help="where npm installed it")
    parser.add_argument("--list", action="store_true", help="show what there is, and run nothing")
    options = parser.parse_args(arguments)
    load()
    size, rows, missed = Size(options.quick, options.mountebank), list[dict[str, Any]](), False
    for name in chosen(options.names):
        one = BENCHES[name]
        if options.list:
            print(f"{name:<27} {one.says}")
            continue
        try:
            found = measure(one, size)
        except Unavailable as why:
            print(f"{name:<27} not measured: {why}", flush=True)
            rows.append({"name": name, "says": one.says, "not_measured": str(why)})
            continue
        print(found, flush=True)
        rows.append(found._asdict())
        missed |= not found.met
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(missed and not options.quick)


if __name__ == "__main__":
    sys.exit(main())
