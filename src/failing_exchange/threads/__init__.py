"""Blocking code in virtual time: threads, locks, sockets and selectors of the standard library."""
