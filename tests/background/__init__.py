"""Tests of the background market."""
