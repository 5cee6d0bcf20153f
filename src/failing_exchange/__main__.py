"""`python -m failing_exchange`: the same as the command `failing-exchange`."""

from __future__ import annotations

import sys

from failing_exchange.cli import main

if __name__ == "__main__":
    sys.exit(main())
