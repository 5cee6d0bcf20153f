"""The exchange: it never fails, never waits, never rolls dice."""
