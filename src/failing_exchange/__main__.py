"""The command `failing-exchange`, and `python -m failing_exchange`."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from failing_exchange.cli.exit_codes import INTERRUPTED


def main() -> int:
    """Run a command; the exit code is one of `exit_codes.TABLE`.

    Ctrl-C ends the process at once while modules load, when there is nothing to say and nothing to
    put away; `cli.main` answers it afterwards.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored
    if usual:
        signal.signal(signal.SIGINT, _stop)
    from failing_exchange.cli.main import main as command_line

    try:
        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return command_line()
    except KeyboardInterrupt:  # before it knew which command was meant
        return INTERRUPTED


def _stop(number: int, frame: object) -> NoReturn:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
