"""The colours around the pictures, light and dark."""

import dataclasses

from socialrl_envs.errors import unknown
from socialrl_envs.sprites import Colour


@dataclasses.dataclass(frozen=True, kw_only=True)
class Theme:
    """The colours of the page around the pictures."""

    name: str
    page: Colour
    card: Colour
    line: Colour
    ink: Colour
    quiet: Colour
    accent: Colour
    reward: Colour
    penalty: Colour


THEMES = {
    "light": Theme(
        name="light",
        page=(236, 238, 241),
        card=(255, 255, 255),
        line=(222, 225, 230),
        ink=(28, 33, 41),
        quiet=(104, 112, 124),
        accent=(34, 40, 49),
        reward=(0, 138, 100),
        penalty=(205, 84, 0),
    ),
    "dark": Theme(
        name="dark",
        page=(20, 23, 29),
        card=(31, 36, 45),
        line=(54, 61, 74),
        ink=(233, 236, 241),
        quiet=(151, 160, 175),
        accent=(245, 247, 250),
        reward=(38, 186, 142),
        penalty=(240, 128, 56),
    ),
}


def find_theme(name: str) -> Theme:
    """The theme of that name; raises SocialRLError with the nearest spelling."""
    if name not in THEMES:
        raise unknown("theme", name, THEMES)
    return THEMES[name]
