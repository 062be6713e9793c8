"""The return of every seat so far; no learner is shown the reward of another."""

from socialrl.scene.plots import returns
from socialrl.viewer.plot import plot_panel

PANEL = plot_panel("Returns", returns, order=1)
