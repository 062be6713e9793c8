"""One of each kind that plugs into socialrl."""
