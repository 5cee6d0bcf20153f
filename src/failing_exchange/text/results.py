"""Results as JSON: the documents of `--json` and of the files that `--output` writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.files import write_file

SCHEMA = 1  # of all documents (docs/json.md); counts up when a field is renamed, removed or changed


def document(found: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A document: the number of the schema, then what was found.

    >>> document({"kind": "run"}, exit_code=0)
    {'schema': 1, 'kind': 'run', 'exit_code': 0}
    """
    return {"schema": SCHEMA, **found, **more}


def results_text(found: Mapping[str, Any], *, indent: int | None = 1, **more: Any) -> str:
    """A document as JSON that every reader takes: NaN and infinities, which JSON lacks, are null.

    >>> results_text({"kind": "run", "money": float("nan")}, indent=None)
    '{"schema": 1, "kind": "run", "money": null}'
    """
    whole = document(found, **more)
    try:
        return json.dumps(whole, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(whole), indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_results(path: Path, found: Mapping[str, Any]) -> None:
    """Write results to a file; raises ConfigurationError with the reason if that fails."""
    write_file(path, results_text(found) + "\n")


def check_schema(path: Path, found: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for results that another version has written."""
    if found.get("schema", SCHEMA) != SCHEMA:
        raise ConfigurationError(
            f"{path} has the schema {found['schema']!r}; this version reads {SCHEMA}: make it "
            "again, or read it with the version that wrote it"
        )
