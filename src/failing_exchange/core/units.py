"""The units of the whole package: each has one name, and each name one meaning.

Instants and spans are whole nanoseconds; where a market counts whole seconds instead, as candles
do, the name ends in `_S`. Money is counted in atoms, rates in parts per million.
"""

from __future__ import annotations

# Nanoseconds
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

# Seconds
TEN_S = 10  # the candles that a background is made of
MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 86_400
WEEK_S = 7 * DAY_S

ATOMS = 10**8  # atoms in one unit of any asset
PPM = 1_000_000  # parts per million: of fees, bands, impact, and the points of a logarithm


def atoms_text(atoms: int) -> str:
    """Atoms as the shortest exact decimal text.

    >>> atoms_text(150_000_000), atoms_text(-1), atoms_text(3 * ATOMS)
    ('1.5', '-0.00000001', '3')
    """
    if not atoms % ATOMS:
        return str(atoms // ATOMS)
    if atoms < 0:
        return "-" + atoms_text(-atoms)
    digits = str(atoms).zfill(9)
    return f"{digits[:-8]}.{digits[-8:]}".rstrip("0")
