"""The keys of the window, see `socialrl.scene.commands`."""

from socialrl.scene.commands import COMMANDS, Command, press

__all__ = ["COMMANDS", "Command", "press"]
