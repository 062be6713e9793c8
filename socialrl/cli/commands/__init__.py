"""One command per file, which has `command(arguments)`; socialrl/cli/__init__.py lists them."""
