"""Stories about what watches a served venue: metrics, traces, logs, headers."""
