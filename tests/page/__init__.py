"""The live page of a served venue: its files, rows, stories and feed."""
