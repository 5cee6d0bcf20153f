"""Stories about the explorer."""
