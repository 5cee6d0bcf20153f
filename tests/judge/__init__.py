"""Stories about the judge of a bot."""
