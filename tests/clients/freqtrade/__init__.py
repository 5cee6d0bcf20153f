"""freqtrade in live mode: how it is run, and a strategy for it. No line of it is in this tree."""
