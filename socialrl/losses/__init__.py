"""Losses of one sequence each, with their equations; no networks inside."""
