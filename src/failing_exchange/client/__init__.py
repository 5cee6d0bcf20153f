"""The doors: each only executes what the pass decided."""
