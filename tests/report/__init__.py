"""Stories about the report."""
