"""The in-process client: ccxt-shaped calls and feeds on one exchange."""
