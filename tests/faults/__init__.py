"""Tests of the faults, by module and by story."""
