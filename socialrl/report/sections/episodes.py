"""Section: an animated recorded episode of each arm."""

import base64
from collections.abc import Mapping

from socialrl.report import animation
from socialrl.report.episodes import Shown, median_episode
from socialrl.report.markup import Markup, tag
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.tables import number
from socialrl_envs.errors import SocialRLError

NOTE = (
    "The novice is the marked figure. The ribbon shows whom it follows at each step; ticks above the ribbon "
    "are rewards, ticks below it penalties. The episodes are not selected by appearance: shown is the seed "
    "with the median return, and of its episodes the one with the median return."
)


def render(context: Context) -> Body | None:
    """One animation per arm."""
    if not context.shown:
        return None
    pictures = (picture(one, context.colours) for one in context.shown)
    return tag("p", NOTE, class_="note"), tag("div", *pictures, class_="pictures")


def picture(shown: Shown, colours: Mapping[str, str]) -> Markup:
    """The animation with its caption, or the error if the replay cannot be read."""
    replay, label = shown.replay, shown.arm.label
    if isinstance(replay, SocialRLError):
        return tag("figure", tag("h3", label), tag("figcaption", str(replay)))
    episode = median_episode(replay)
    data = animation.animate(replay, episode, colours)
    width, height = animation.size(data)
    earned = number(float(replay.returns(episode)[replay.novices[0]]), 1)
    shares = ", ".join(
        f"{source} {share:.0%}"
        for source, share in replay.share(episode).items()
        if share and source != "self"
    )
    followed = f"followed {shares}" if shares else "followed no one"
    caption = f"seed {shown.seed}, episode {episode + 1} of {replay.episodes}: return {earned}; {followed}"
    if replay.steps(episode) > animation.FRAMES:
        caption += f" (the first {animation.FRAMES} of {replay.steps(episode)} steps)"
    source = "data:image/gif;base64," + base64.b64encode(data).decode("ascii")
    image = tag("img", src=source, width=width, height=height, alt=f"Recorded episode of {label}, {caption}")
    return tag("figure", tag("h3", label), image, tag("figcaption", caption))


SECTION = ReportSection(title="Episodes", anchor="episodes", order=80, render=render)
