"""Draws for the flow: many small ones from one hash, and tables of distributions as literals.

Of 64 equal slices of a distribution a table holds the middle, in thousandths. Literals, so that no
platform's libm takes part.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

NORMAL = (
    -2418, -1987, -1762, -1601, -1473, -1366, -1273, -1189, -1113, -1043, -978, -917, -858,
    -803, -750, -699, -650, -602, -556, -511, -467, -424, -381, -339, -298, -257, -217,
    -177, -138, -98, -59, -20, 20, 59, 98, 138, 177, 217, 257, 298, 339, 381, 424, 467, 511,
    556, 602, 650, 699, 750, 803, 858, 917, 978, 1043, 1113, 1189, 1273, 1366, 1473, 1601,
    1762, 1987, 2418,
)  # fmt: skip

# With a median of 1 and a sigma of 0.6; its mean is 1.2.
LOGNORMAL = (
    234, 303, 347, 383, 413, 441, 466, 490, 513, 535, 556, 577, 597, 618, 638, 657, 677,
    697, 716, 736, 756, 776, 796, 816, 836, 857, 878, 899, 921, 943, 965, 988, 1012, 1036,
    1061, 1086, 1112, 1139, 1167, 1196, 1226, 1257, 1289, 1323, 1359, 1396, 1435, 1477,
    1521, 1569, 1619, 1674, 1733, 1798, 1870, 1950, 2041, 2146, 2270, 2421, 2613, 2878,
    3295, 4265,
)  # fmt: skip

EXPONENTIAL = (
    8, 24, 40, 56, 73, 90, 107, 125, 143, 161, 179, 198, 217, 237, 257, 277, 298, 319, 341, 363,
    386, 409, 433, 458, 483, 508, 535, 562, 589, 618, 647, 678, 709, 741, 774, 809, 845, 882,
    920, 960, 1002, 1045, 1091, 1138, 1188, 1241, 1297, 1356, 1418, 1485, 1556, 1633, 1717,
    1808, 1908, 2019, 2144, 2287, 2454, 2655, 2906, 3243, 3753, 4852,
)  # fmt: skip

WORDS = 16  # draws of 32 bits that one hash gives
_PLACE = Struct("<Qq")
_DRAWN = Struct(f"<{WORDS}I")


def words(key: int, index: int) -> tuple[int, ...]:
    """`WORDS` independent draws of 32 bits that belong to place `index` of a key.

    >>> words(1, 5) == words(1, 5), words(1, 5) == words(1, 6), len(words(1, 5))
    (True, False, 16)
    """
    return _DRAWN.unpack(blake2b(_PLACE.pack(key, index)).digest())
