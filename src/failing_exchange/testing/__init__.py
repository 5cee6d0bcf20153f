"""What tests of bots use: the pytest plugin, clients, strategies, determinism."""
