"""Runs of bots: scenarios, reference bots, the loader and the process of a bot."""
