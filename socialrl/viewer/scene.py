"""The scene that a panel of the viewer draws, see `socialrl.scene`."""

from socialrl.scene import SPEEDS, Scene, SceneOptions

__all__ = ["SPEEDS", "Scene", "SceneOptions"]
