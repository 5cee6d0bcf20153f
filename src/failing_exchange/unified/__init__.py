"""The ccxt-shaped language of the in-process door: calls in, dicts and errors out."""
