"""What every request comes in through, and every response leaves through; ``edge.py`` is the one door."""
