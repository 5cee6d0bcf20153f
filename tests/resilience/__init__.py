"""The bot's side, against a venue that does what its script says."""
