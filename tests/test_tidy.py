"""The house rules that a machine can see; each message says what to do instead.

`tests/test_simulated_path.py` checks that a seed reproduces its run.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path
from typing import TypeGuard

import pytest

from tests.sources import PACKAGE, ROOT, SOURCE, all_sources, check, functions, modules, place, tree

LINE_LENGTH_MAX = 100
MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 40  # without the docstring

# Which packages each package may import; modules of the root count as packages. Imports for type
# checkers count as well: a type from above is knowledge of what is above. The list has no circle.
EDGES: dict[str, str] = {
    "errors": "",
    "text": "errors",
    "system": "errors",
    "core": "errors text",
    "background": "errors text core",
    "virtual": "errors text core",
    "journal": "errors text core",
    "unified": "errors text core journal",
    "resilience": "errors text",
    "faults": "errors text core journal",
    "venue": "errors text core background journal unified faults",
    "durable": "errors text core journal faults venue",
    "feeds": "errors text core journal faults venue",
    "judge": "errors text core journal faults venue",
    "scenarios": "errors text core journal faults venue judge",
    # What watches a server stands below it: it reads counters that the server hands it.
    "observe": "errors text core journal",
    "server": "errors text core virtual journal unified faults venue durable feeds judge scenarios "
    "observe page",
    "client": "errors text core journal unified faults venue durable feeds scenarios",
    "venues": "errors text core virtual journal unified faults venue durable feeds judge scenarios "
    "server client",
    "threads": "errors text core virtual",
    "simulation": "errors text core virtual threads server venues",
    "report": "errors text core virtual journal faults venue judge",
    "page": "errors text core journal unified faults report",
    "runs": "errors text core virtual threads journal faults resilience venue judge scenarios "
    "venues client simulation report",
    "explorer": "errors text system core virtual journal faults venue venues judge scenarios "
    "client simulation report runs",
    "agents": "errors text core journal faults venue judge scenarios client report runs",
    "testing": "errors text core virtual journal faults judge server venues client simulation "
    "report runs explorer",
    "cli": "errors text system core journal unified resilience faults venue durable observe "
    "server venues client judge simulation report scenarios runs explorer testing agents",
    "__init__": "errors core faults resilience venues client judge simulation testing",
    "__main__": "cli",
}

HEAVY = (
    "aiohttp",
    "httptools",
    "websockets",
    "ccxt",
    "rich",
    "time_machine",
    "orjson",
    "hypothesis",
    "opentelemetry",
    "prometheus_client",
    "pytest",
)
# Spellings of spans stand below core, and a reference bot imports nothing of ours.
UNITS_ALLOWED = ("durations.py", "notebook.py")
LIMIT_NAME = re.compile(r"^_?[A-Z][A-Z0-9_]*_(MAX|LIMIT)$")


# --- imports


def imported(name: str) -> Iterator[tuple[int, str]]:
    """(line, module within the package) of all that a module imports, anywhere in it.

    A text that is the name of a module counts: that is how something is imported late.
    """
    path = modules()[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from known(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                levels = f"{PACKAGE}.{package}".rstrip(".").split(".")
                above = levels[: len(levels) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                yield from known(node.lineno, f"{base}.{alias.name}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from known(node.lineno, node.value, exact=True)


def known(line: int, dotted: str, *, exact: bool = False) -> Iterator[tuple[int, str]]:
    """The module of ours that a dotted name lies in."""
    parts = dotted.split(".")
    if parts[0] != PACKAGE or (exact and len(parts) == 1):
        return
    inner = parts[1:]
    while inner and ".".join(inner) not in modules():
        if exact:
            return
        inner = inner[:-1]
    yield line, ".".join(inner) or "__init__"


def package_of(name: str) -> str:
    """The package of a module, or the module's own name where it stands in the root."""
    return name.split(".")[0]


@pytest.mark.parametrize("name", modules())
def test_imports_follow_the_allowed_edges(name: str) -> None:
    """What is below can be understood, tested and changed without what is above."""
    own = package_of(name)
    assert own in EDGES, f"{own!r} has no row in EDGES (tests/test_tidy.py): say what it may import"
    allowed = {own, *EDGES[own].split()}
    check(
        f"{place(modules()[name], line)}: {own} may not import {package_of(other)} ({other}); move "
        "what is needed down, or pass it as an argument"
        for line, other in imported(name)
        if package_of(other) not in allowed
    )


def test_no_venue_imports_another_one() -> None:
    """What two products of one company have in common stands in a package that is neither."""

    def complaints() -> Iterator[str]:
        for name, path in modules().items():
            parts = name.split(".")
            if parts[0] != "venues" or len(parts) < 3:
                continue
            for line, other in imported(name):
                inner = other.split(".")
                if inner[0] != "venues" or len(inner) < 3 or inner[1] in (parts[1], SHARED_VENUE):
                    continue
                yield f"{place(path, line)}: import {other} from {SHARED_VENUE}: move it there"

    check(complaints())


SHARED_VENUE = "binance_common"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Of modules in a circle none can be understood alone; types count as well."""
    graph = {
        name: {other for _, other in imported(name) if not f"{name}.".startswith(f"{other}.")}
        for name in modules()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import each other: {' <- '.join(error.args[1])}; pass a type or a value in")


def test_the_allowed_edges_have_no_circle() -> None:
    """Two packages that import each other are one package."""
    TopologicalSorter({name: below.split() for name, below in EDGES.items()}).prepare()


# Loaded by name: by Python itself, pytest, and the interpreter of a program beside a server.
ENTRIES = (
    "__init__",
    "__main__",
    "testing.pytest_plugin",
    "cli.child_startup.sitecustomize",
    "venues.binance_usdm.venue",  # from `venues.base.VENUES`
)


def test_no_module_is_dead() -> None:
    """What nothing reaches misleads whoever reads it."""
    reached, ahead = (
        set[str](),
        list(ENTRIES),
    )
    while ahead:
        name = ahead.pop()
        if name in modules() and name not in reached:
            reached.add(name)
            packages = [name.rpartition(".")[0]] if "." in name else []
            ahead += [*packages, *(other for _, other in imported(name))]
    check(
        f"{name}: nothing imports it; delete it, or use it"
        for name in modules()
        if name not in reached
    )


def test_importing_the_package_is_cheap() -> None:
    """Every bot's test pays for it; the functions that need a heavy library import it."""
    code = f"import sys, {PACKAGE}; print(*[m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not result.stdout.split(), (
        f"`import {PACKAGE}` loads {result.stdout.strip()}: import it inside the function"
    )


LATER = ("core.engine", "core.commands", "core.rate_limits", "faults.modes", "faults.plan",
         "faults.triggers", "unified.calls", "venue.admission", "venue.maintenance",
         "venue.venue")  # fmt: skip


def test_naming_the_exchange_loads_no_engine_and_no_faults() -> None:
    """A test module that only imports the class pays 15 ms for it, not those of the venue."""
    ours = [f"{PACKAGE}.{name}" for name in LATER]
    code = f"import sys; from {PACKAGE} import FailingExchange; " + (
        f"print(*[m for m in {ours} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not result.stdout.split(), (
        f"`from {PACKAGE} import FailingExchange` loads {result.stdout.strip()}: import it inside "
        "the function"
    )


SETTLEMENTS = ("core.settlement", "core.settlement_base", "core.linear_settlement")
SETTLES = (*SETTLEMENTS, "core.market", "core.state")  # these may name a market's assets
HOLDS = (*SETTLEMENTS, "core.operator_commands")  # for orders; locks without an order


def test_only_the_settlement_knows_which_asset_moves() -> None:
    """Another kind of market then needs a class in `core.settlement`, and no other change there."""

    def complaints() -> Iterator[str]:
        for name, path in modules().items():
            for node in ast.walk(tree(path)) if name.startswith("core.") else ():
                match node:
                    case ast.Attribute(attr="base" | "quote") if name not in SETTLES:
                        what = f"asks for a market's .{node.attr}"
                    case ast.Attribute(ast.Attribute(attr="ledger"), "reserve" | "release" | "pay"):
                        if name in HOLDS:
                            continue
                        what = f"calls ledger.{node.attr}"
                    case _:
                        continue
                yield f"{place(path, node.lineno)}: {what}; ask `settlement_of` instead"

    check(complaints())


# --- names

# Files of one name that do the same for different packages, and what that is.
FILES_ALIKE: dict[str, str] = {
    "__init__.py": "a package",
    "base.py": "the interface that the modules beside it implement",
    "catalogue.py": "everything of a kind that ships, by name",
    "codes.py": "how a venue says no: code, words and status of every refusal",
    "dialect.py": "a venue's protocol: what a server asks of it, and each venue's own",
    "edits.py": "what faults change in an answer: for all venues, and in each venue's fields",
    "errors.py": "the errors of a package",
    "order_lists.py": "order lists: in the engine, and as a venue reads and writes them",
    "serialize.py": "values as plain data",
    "venue.py": "a venue: the running one, and the value that says what each venue is",
}


def test_no_two_public_classes_share_a_name() -> None:
    """Whoever searches for a class finds one."""
    found: dict[str, set[str]] = {}
    for name, path in modules().items():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, set()).add(name)
    check(
        f"{cls}: in {', '.join(sorted(places))}; give each a name of its own"
        for cls, places in found.items()
        if len(places) > 1
    )


def test_no_file_name_has_two_meanings() -> None:
    """Whoever opens a file by its name opens the right one."""
    counts = Counter(path.name for path in modules().values())
    check(
        f"{name}: {count} files; name each by what it holds"
        for name, count in counts.items()
        if name not in FILES_ALIKE and count > 1
    )


# Words of this project's own that have made room for the field's: pattern, what to say instead.
RETIRED: dict[str, tuple[str, str]] = {
    "manieth": (r"-manieth\b", "running number"),
    "a-text": (r"\b(a|no) text\b", "a string"),
    "as-ever": (r"\bas ever\b", "unchanged"),
    "dear": (r"\bdear\b", "expensive"),
    "is-no": (r"\b(is|are) no (?!longer|more|such|other|better|later|less)", "is not a"),
    "so-many": (r"\bso (many|much)\b", "the number, by its name"),
    "whoever": (r"\bwhoever\b", "the client, the caller, the reader"),
    "who-has": (r"\bwho has\b", "a client that has"),
    "unawares": (r"\bunawares\b", "unknowingly"),
    "door": (r"\bdoor(s|step)?\b", "API, server, handler"),
    "entrance": (r"\bentrance\b", "listener"),
    "desk": (r"\bdesk\b", "control API"),
    "spell": (r"\bspell\b", "period, active_until"),
    "harm": (r"\bharm\b", "damage, connection fault"),
    "moment": (r"\bmoments?\b", "instant, time, connection event"),
    "stirred": (r"\bstirred\b", "revision"),
    "errand": (r"\berrands?\b", "session command"),
    "sighting": (r"\bsightings?\b", "match"),
    "rarity": (r"\brarit(y|ies)\b", "optional fields"),
    "zygote": (r"\bzygote\b", "worker"),
    "hearer": (r"\bhearers?\b", "listener"),
    "hush": (r"\bhush\b", "stop_listening"),
    "mishap": (r"\bmishap\b", "failure"),
    "borne": (r"\bborne\b", "allowed"),
    "naked": (r"\bnaked\b", "without a stop"),
}
SEED = "exchange_failures.md"  # the document that this project began with; it stays as it was


def texts_of(package: str) -> Iterator[tuple[Path, str]]:
    """The sources of a package; for `docs` its pages, README.md and CONTRIBUTING.md."""
    if package == "docs":
        paths = [path for path in (ROOT / "docs").rglob("*.md") if path.name != SEED]
        paths += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    else:
        folder = SOURCE / package
        paths = [path for path in folder.rglob("*") if path.suffix in (".py", ".js", ".html")]
        paths = paths if folder.is_dir() else [SOURCE / f"{package}.py"]
    for path in sorted(paths):
        yield path, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("package", [*EDGES, "docs"])
def test_retired_words_do_not_come_back(package: str) -> None:
    """No source, message or page uses a word that only this project uses in its sense."""
    texts = list(texts_of(package))

    def complaints() -> Iterator[str]:
        for word, (pattern, instead) in RETIRED.items():
            used = [
                place(path, text.count("\n", 0, found.start()) + 1)
                for path, text in texts
                for found in re.finditer(pattern, text, re.IGNORECASE)
            ]
            if used:
                yield f"{', '.join(used[:5])}: {word!r} is retired; say: {instead}"

    check(complaints())


# --- sizes and first lines


def test_everything_fits_on_a_screen() -> None:
    """Long lines, functions and modules hide what they do."""

    def complaints() -> Iterator[str]:
        for path in all_sources():
            lines = path.read_text(encoding="utf-8").splitlines()
            if len(lines) > MODULE_LINES_MAX:
                yield f"{place(path, 1)}: {len(lines)} lines; make it two modules"
            for number, line in enumerate(lines, 1):
                if len(line) > LINE_LENGTH_MAX:
                    yield f"{place(path, number)}: {len(line)} columns; break the line"
            for node in functions(tree(path)):
                if (size := body_lines(node)) > FUNCTION_LINES_MAX:
                    yield f"{place(path, node.lineno)}: {node.name} has {size} lines; split it"

    check(complaints())


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function from its first statement on, without the docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_each_module_begins_by_saying_what_it_is() -> None:
    """Whoever opens a file reads its first line first."""

    def complaints() -> Iterator[str]:
        for path in all_sources():
            doc = ast.get_docstring(tree(path)) or ""
            if not doc.strip():
                yield f"{place(path, 1)}: begin with a line that says what the module is"
            body = tree(path).body[1:]
            future = body and isinstance(body[0], ast.ImportFrom) and body[0].module == "__future__"
            if body and not future:
                yield f"{place(path, 2)}: put `from __future__ import annotations` on top"

    check(complaints())


# --- words


@pytest.mark.parametrize("name", modules())
def test_whatever_is_public_is_documented(name: str) -> None:
    """Meaning, units, errors raised: a user should not have to read the code for them."""
    path = modules()[name]

    def complaints() -> Iterator[str]:
        for owner, node in public(tree(path)):
            if ast.get_docstring(node) is None and not inherits_doc(name, owner, node.name):
                full = f"{owner}.{node.name}" if owner else node.name
                yield f"{place(path, node.lineno)}: {full} has no docstring; say what it is for"

    check(complaints())


Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(module: ast.Module) -> Iterator[tuple[str, Documented]]:
    """(class or "", node) of public classes, functions and methods."""
    for node in module.body:
        if is_public(node):
            yield "", node
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if is_public(inner):
                    yield node.name, inner


def is_public(node: ast.stmt) -> TypeGuard[Documented]:
    """Whether a class or function is public; an overload is documented by what it overloads."""
    if not isinstance(node, Documented) or node.name.startswith("_"):
        return False
    return not any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)


def inherits_doc(name: str, owner: str, attribute: str) -> bool:
    """Whether a method says what it is for by what it overrides: asyncio's, say."""
    if not owner:
        return False
    dotted = PACKAGE if name == "__init__" else f"{PACKAGE}.{name}"
    cls = getattr(importlib.import_module(dotted), owner)
    return any(inspect.getdoc(vars(base).get(attribute)) for base in cls.__mro__[1:])


def test_there_is_one_table_of_units() -> None:
    """A name that is nanoseconds here and seconds there is a bug that waits for its reader."""
    table = importlib.import_module(f"{PACKAGE}.core.units")
    units = {name for name in vars(table) if name.isupper()}
    spelled = {86_400, table.SECOND, 1e9}

    def complaints() -> Iterator[str]:
        for path in modules().values():
            if path.name == "units.py":
                continue
            for node in tree(path).body:
                targets = node.targets if isinstance(node, ast.Assign) else []
                for name in units & {t.id for t in targets if isinstance(t, ast.Name)}:
                    yield f"{place(path, node.lineno)}: {name} is a unit: import it (core.units)"
            for inner in ast.walk(tree(path)):
                if not isinstance(inner, ast.Constant) or path.name in UNITS_ALLOWED:
                    continue
                if isinstance(inner.value, (int, float)) and inner.value in spelled:
                    yield f"{place(path, inner.lineno)}: name {inner.value!r} (core.units)"

    check(complaints())


def test_whether_a_value_is_a_number_is_decided_in_one_module() -> None:
    """True is an int in Python: whoever forgets that takes `amount=True` for one."""

    def complaints() -> Iterator[str]:
        for name, path in modules().items():
            for node in ast.walk(tree(path)):
                if not isinstance(node, ast.BoolOp) or name == "text.number_checks":
                    continue
                kinds = list(kinds_asked(node))
                numbers = {value for value, kind in kinds if kind in ("int", "(int, float)")}
                if numbers & {value for value, kind in kinds if kind == "bool"}:
                    yield f"{place(path, node.lineno)}: use is_number or is_whole of number_checks"

    check(complaints())


def kinds_asked(node: ast.BoolOp) -> Iterator[tuple[str, str]]:
    """(what, kind) of each isinstance among the parts of an `and` or an `or`."""
    for part in node.values:
        asked = part.operand if isinstance(part, ast.UnaryOp) else part
        if isinstance(asked, ast.Call) and ast.unparse(asked.func) == "isinstance":
            yield ast.unparse(asked.args[0]), ast.unparse(asked.args[1])


def test_each_limit_says_what_happens_there() -> None:
    """A bound without a comment is a surprise kept for later."""

    def complaints() -> Iterator[str]:
        for path in modules().values():
            lines = path.read_text(encoding="utf-8").splitlines()
            for name, line in limits(tree(path)):
                above = lines[line - 2] if line > 1 else ""
                if "#" not in lines[line - 1] and not above.lstrip().startswith("#"):
                    yield f"{place(path, line)}: {name}: add a comment: what happens at the limit?"

    check(complaints())


def limits(module: ast.Module) -> Iterator[tuple[str, int]]:
    """(name, line) of the module's constants that are limits."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        annotated = [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in chain(targets, annotated):
            if isinstance(target, ast.Name) and LIMIT_NAME.match(target.id):
                yield target.id, node.lineno


def test_the_navigation_of_the_site_has_each_page_once() -> None:
    """A page that is left out is one that nobody finds; add it under `nav:` in mkdocs.yml."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"^ +- .*?([\w/-]+\.md)$", navigation, re.MULTILINE)
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(pages)


def test_the_generated_pages_say_what_the_code_says() -> None:
    """Write them anew with `python -m tests.reference_pages`, and commit them."""
    from tests import reference_pages

    for name, text in reference_pages.pages().items():
        assert (reference_pages.FOLDER / name).read_text(encoding="utf-8") == text, name


def test_each_public_name_is_on_one_page_of_the_api() -> None:
    """What is not in the reference is not found."""
    from tests import reference_pages
    from tests.test_public_names import NAMES

    pages = [reference_pages.names_of(page[2]) for page in reference_pages.API.values()]
    named = [name.rpartition(".")[2] for page in pages for name in page]
    assert len(named) == len(set(named))
    assert set(named) == {name for _, name in NAMES}
