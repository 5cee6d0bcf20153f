"""The languages: what a venue's clients say and hear."""
