"""The failing: faults decide what goes wrong with a message, triggers when."""
