"""The social influence over the episode: how much the sight of the others changes the novice's policy."""

from socialrl.scene.plots import influence
from socialrl.viewer.plot import plot_panel

PANEL = plot_panel("Influence", influence, order=2)
