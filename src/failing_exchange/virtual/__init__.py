"""Virtual time: a loop on which waiting is free, and the clocks that follow it."""
