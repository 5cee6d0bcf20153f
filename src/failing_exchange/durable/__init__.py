"""A journal in a database, from which a venue comes back after its process was killed."""

from __future__ import annotations

TRIPS_KEPT_MAX = 1_000_000  # by default, about 0.7 GB; beyond it the oldest are deleted
