"""Every HTTP route as data, a file for each noun; ``table.py`` has all of them."""
