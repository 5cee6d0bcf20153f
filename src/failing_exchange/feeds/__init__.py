"""Books, trades and account events as streams."""
