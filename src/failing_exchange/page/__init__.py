"""The live page of a served venue: its files, the rows it shows, and the feed that brings them."""
