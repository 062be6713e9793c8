"""Losses of one sequence each, with their equations. They take arrays, not networks."""
