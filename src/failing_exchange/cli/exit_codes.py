"""The exit codes of all commands: one table, which `--help` and docs/exit_codes.md show.

`serve` and `trade` run until they are stopped: Ctrl-C is their normal end, and not an interruption.
"""

from __future__ import annotations

CLEAN = 0
FINDINGS = 1
COULD_NOT_RUN = 2
INTERRUPTED = 130

TABLE: dict[int, str] = {
    CLEAN: "clean: it ran, and nothing was found",
    FINDINGS: "findings: a rule was broken, the bot died or is wrong about what it holds at the "
    "end, or a replay differs",
    COULD_NOT_RUN: "could not run: wrong arguments, no such file, a bot that dies before its first "
    "request, nothing could be judged",
    INTERRUPTED: "interrupted: with Ctrl-C; what was gathered until then is shown and written",
}
HELP = "exit codes: " + "; ".join(f"{code} {text}" for code, text in TABLE.items())
