"""What watches a served venue from outside: metrics, traces, and how a request ended."""
