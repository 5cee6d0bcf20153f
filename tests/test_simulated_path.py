"""The same seed, the same run: what the simulated path must not call or iterate over.

A rule that must yield somewhere gets a row in ALLOWED, with its reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import check, functions, modules, place, tree

# Not in the simulated path: they stand between it and the real world.
OUTSIDE = (
    "cli", "testing.pytest_plugin", "report.text", "simulation", "testing.determinism",
    "virtual.wallclock", "virtual.randomness", "server.certificate",
    "explorer.search", "explorer.worker_pool", "explorer.dask_executor", "explorer.worker",
    "runs.report_card", "runs.change_card", "runs.process_pool",
)  # fmt: skip

# What the simulated path must not call, and what it does instead.
CLOCK = "one clock: take `at` as an argument, or ask the running loop"
CHANCE = "chance is a keyed hash: failing_exchange.core.chance"
THREADS = "threads have no place in virtual time: use a timer of the loop"
LIBM = "libm differs between platforms: use integers, or a table of literals"
BANNED: dict[str, str] = {
    **dict.fromkeys(
        [f"time.{name}{ns}" for name in ("time", "monotonic", "perf_counter", "process_time")
         for ns in ("", "_ns")], CLOCK,
    ),
    **dict.fromkeys(["time.sleep", "time.localtime", "time.gmtime"], CLOCK),
    **dict.fromkeys(["datetime.datetime.now", "datetime.datetime.utcnow"], CLOCK),
    **dict.fromkeys(["datetime.datetime.today", "datetime.date.today"], CLOCK),
    **dict.fromkeys(["random", "secrets", "uuid", "os.urandom", "numpy"], CHANCE),
    **dict.fromkeys(["threading", "concurrent", "multiprocessing", "asyncio.to_thread"], THREADS),
    **dict.fromkeys(
        [f"math.{name}" for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "pow", "sin",
         "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "atan2", "erf", "gamma")],
        LIBM,
    ),
    "id": "addresses differ in each run: give the object a serial number",
    "hash": "hashes of text differ in each run: failing_exchange.core.chance.key",
    "asyncio.wait": "it answers in sets, whose order differs in each run: use gather",
}  # fmt: skip
# (module, banned name): why it may.
ALLOWED: dict[tuple[str, str], str] = {
    (
        "venue.venue_clock",
        "time.time_ns",
    ): "in real time the epoch is read once, when the loop is bound",
    ("venue.venue_clock", "time.monotonic_ns"): "in real time, in place of a loop's own call of it",
    ("client.helpers", "datetime.datetime.now"): "the client's clock, before the venue's starts",
    ("journal.journal", "hash"): "only asks whether there is one",
    ("core.reject", "hash"): "its own __hash__; decides nothing",
    (
        "resilience.retrying_placement",
        "uuid",
    ): "client order ids are unique outside of simulations, too",
    ("server.control_server", "time.time_ns"): "only where time is real; else the venue's clock",
    ("server.loop_thread", "threading"): "it is only used where time is real",
    ("observe.spans", "asyncio.to_thread"): "the export of `serve` ends in real time",
    ("agents.session_process", "asyncio.to_thread"): "only with --real-time",
    ("page.feed", "asyncio.wait"): "of one task, and only where time is real",
    ("server.page_server", "time.time_ns"): "names the process to viewers; decides nothing",
    ("server.observing", "time.perf_counter_ns"): "what it measures goes to observers alone",
    ("threads.thread_class", "threading"): "it gives simulated threads their stand-ins",
    ("threads.program", "threading"): "each simulated thread is one, and only one of them runs",
    ("threads.simulated_thread", "threading"): "each simulated thread is one",
    ("threads.adopted_locks", "threading"): "it wraps locks that are made of it",
    ("threads.adopted_locks", "id"): "finds the wrap of a lock; decides nothing",
    ("threads.serial_hashes", "threading"): "it numbers threads in the order of their making",
    ("threads.serial_hashes", "concurrent"): "it numbers futures in the order of their making",
    ("threads.installed", "threading"): "it puts the stand-ins in place",
    ("threads.installed", "concurrent"): "pools number their threads from 0 in each program",
    ("threads.interrupts", "time.process_time"): "a thread that spins uses processor time",
    ("virtual.isolation", "threading"): "it is what refuses the calls from other threads",
    ("virtual.blocking_sockets", "threading"): "it leaves the sockets of other threads alone",
    (
        "runs.watchdog",
        "threading",
    ): "only the main thread may handle signals",
}


def simulated() -> Iterator[tuple[str, Path]]:
    """The modules that must behave alike in each run."""
    for name, path in modules().items():
        if not any(name == outside or name.startswith(f"{outside}.") for outside in OUTSIDE):
            yield name, path


def test_the_simulated_path_reads_no_clock_and_rolls_no_dice() -> None:
    """One such call, and a seed no longer reproduces its run."""

    def complaints() -> Iterator[str]:
        for name, path in simulated():
            for line, used in uses(tree(path)):
                for banned in prefixes(used):
                    if banned in BANNED and (name, banned) not in ALLOWED:
                        yield f"{place(path, line)}: {banned}: {BANNED[banned]}"

    check(iter(sorted(set(complaints()))))


@pytest.mark.parametrize(
    ("code", "banned"),
    [
        ("import time\ntime.time()", "time.time"),
        ("import time as t\nnow = t.monotonic_ns", "time.monotonic_ns"),
        ("from time import perf_counter", "time.perf_counter"),
        ("from datetime import datetime\ndatetime.now()", "datetime.datetime.now"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("def f():\n    import random", "random"),
        ("from random import Random", "random"),
        ("import os\nos.urandom(8)", "os.urandom"),
        ("from math import exp", "math.exp"),
        ("x = y**0.5", "math.pow"),
        ("import threading", "threading"),
        ("from concurrent.futures import ThreadPoolExecutor", "concurrent"),
        ("id(order)", "id"),
    ],
)
def test_the_check_sees_what_it_forbids(code: str, banned: str) -> None:
    """A check that sees nothing passes always."""
    seen = {prefix for _, used in uses(ast.parse(code)) for prefix in prefixes(used)}
    assert banned in seen & set(BANNED)


@pytest.mark.parametrize(
    "code",
    ["order.id", "self.id = id", "import math\nmath.floor(x)", "x = y**2", "order.time.time()"],
)
def test_the_check_lets_the_harmless_pass(code: str) -> None:
    """A check that cries wolf is switched off."""
    assert not {used for _, used in uses(ast.parse(code))} & set(BANNED)


def test_no_exception_is_left_over() -> None:
    """A row whose reason has gone would let the next such call pass."""
    check(
        f"ALLOWED[{name!r}, {banned!r}] is used no more; take the row out"
        for name, banned in ALLOWED
        if name in modules()
        and not any(banned in prefixes(used) for _, used in uses(tree(modules()[name])))
    )


def uses(module: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, full name) of what is imported, called or passed on; a float power is math.pow."""
    names: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute | ast.Name):
            head, _, rest = ast.unparse(node).partition(".")
            if head in names:
                yield node.lineno, f"{names[head]}.{rest}".rstrip(".")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, node.func.id
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            right = node.right
            if isinstance(right, ast.Constant) and isinstance(right.value, float):
                yield node.lineno, "math.pow"


def prefixes(dotted: str) -> Iterator[str]:
    """`a`, `a.b`, `a.b.c` of `a.b.c`."""
    parts = dotted.split(".")
    return (".".join(parts[: n + 1]) for n in range(len(parts)))


def test_nothing_iterates_over_a_set() -> None:
    """Its order depends on addresses and hash seeds: a dict with None values keeps the order."""
    check(
        f"{place(path, line)}: iterates over a set; use a dict, or sorted(...)"
        for _, path in simulated()
        for line in set_loops(tree(path))
    )


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("for x in {1, 2}: f(x)", True),
        ("names = set(rows)\nlist(names)", True),
        ("def f(names: set[str]): return [n for n in names]", True),
        ("def f():\n    s: set[int] = g()\n    h(*s)", True),
        (
            "class A:\n    def f(self): self.s = {1}\n    def g(self): yield from map(h, self.s)",
            True,
        ),
        ("for x in set(a) & set(b): f(x)", True),
        ("for x in sorted({1, 2}): f(x)", False),
        ("if x in {1, 2}: f(x)", False),
        ("def f(): names = set(rows)\ndef g(names: list[str]): return list(names)", False),
    ],
)
def test_loops_over_sets_are_seen(code: str, seen: bool) -> None:
    """As far as a reader of one module could see them."""
    assert bool(list(set_loops(ast.parse(code)))) == seen


def set_loops(module: ast.Module) -> Iterator[int]:
    """The lines at which something runs over a set."""
    attributes = set_names(module, attributes=True)
    for scope in scopes(module):
        names = set_names(scope) | attributes
        yield from (node.lineno for node in iterated(scope) if is_set(node, names))


def scopes(module: ast.Module) -> Iterator[ast.AST]:
    """The module's own statements and each function."""
    yield ast.Module(
        [n for n in module.body if not isinstance(n, ast.FunctionDef | ast.ClassDef)], []
    )
    yield from functions(module)


def iterated(scope: ast.AST) -> Iterator[ast.expr]:
    """What loops, comprehensions and the calls that keep an order run over."""
    for node in ast.walk(scope):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield node.iter
        elif isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Load):
            yield node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in ("list", "tuple", "iter", "enumerate", "zip", "map", "join", "extend"):
                yield from node.args


def is_set(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is, as far as can be seen, a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Sub):
        return is_set(node.left, names) or is_set(node.right, names)
    if isinstance(node, ast.Call):
        return is_set_type(node.func)
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in names


def is_set_type(node: ast.expr) -> bool:
    """Whether an annotation or a called name says set."""
    return re.match(r"(Weak|Mutable|Abstract|frozen)?[Ss]et(\[|$)", ast.unparse(node)) is not None


def set_names(scope: ast.AST, *, attributes: bool = False) -> set[str]:
    """Names that are annotated as sets or assigned one; `attributes`: those of self only."""
    found = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.arg) and node.annotation and is_set_type(node.annotation):
            found.add(node.arg)
        elif isinstance(node, ast.AnnAssign) and is_set_type(node.annotation):
            found |= {ast.unparse(node.target), f"self.{ast.unparse(node.target)}"}
        elif isinstance(node, ast.Assign) and is_set(node.value, set()):
            found |= {ast.unparse(target) for target in node.targets}
    return {name for name in found if name.startswith("self.")} if attributes else found
