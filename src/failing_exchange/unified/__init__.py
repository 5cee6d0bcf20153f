"""The ccxt-shaped interface of the in-process exchange: calls in, dicts and errors out."""
