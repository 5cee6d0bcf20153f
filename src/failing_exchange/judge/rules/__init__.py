"""The rules of conduct, one module a group."""
