"""Reading and writing small texts: near spellings, durations, TOML, tracebacks."""
