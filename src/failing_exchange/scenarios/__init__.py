"""Scenario files, and the shipped ones."""
