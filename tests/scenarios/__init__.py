"""The library of incidents, seen by a client at both doors."""
