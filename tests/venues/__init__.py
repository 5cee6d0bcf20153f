"""Dialects: from the wire's words to the exchange's and back."""
