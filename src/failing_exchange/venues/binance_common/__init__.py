"""What the products of Binance have in common: signing, parameters, numbers, limits, refusals."""
