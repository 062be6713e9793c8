"""Section: recorded episodes of each arm, as still pictures and in the player."""

import base64
from collections.abc import Mapping, Sequence

from socialrl.record import filmstrip
from socialrl.record.replay import Replay
from socialrl.report.episodes import Shown, median_episode, recoloured
from socialrl.report.markup import Markup, tag
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.tables import number
from socialrl.scene import Scene
from socialrl.web.page import place
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import to_png

NOTE = (
    "The novice is the marked figure; the bar below each picture has the colour of whom it follows. The "
    "episodes are not selected by appearance: shown is the seed with the median return, and of its episodes "
    "the one with the median return. The player below has all recorded episodes of these seeds, step by step."
)
MOST = 4_000_000  # characters of the player's replays


def render(context: Context) -> Body | None:
    """A strip of pictures per arm, and a player with the replays of all arms."""
    if not context.shown:
        return None
    strips = (strip(one, context.colours) for one in context.shown)
    return tag("p", NOTE, class_="note"), *strips, player(context.shown, context.colours)


def strip(shown: Shown, colours: Mapping[str, str]) -> Markup:
    """Pictures of an episode with their caption, or the error if the replay cannot be read."""
    replay, label = shown.replay, shown.arm.label
    if isinstance(replay, SocialRLError):
        return tag("figure", tag("h3", label), tag("figcaption", str(replay)))
    episode = median_episode(replay)
    image = filmstrip.strip(recoloured(replay, colours), episode)
    earned = number(float(replay.returns(episode)[replay.novices[0]]), 1)
    shares = ", ".join(
        f"{source} {share:.0%}"
        for source, share in replay.share(episode).items()
        if share and source != "self"
    )
    followed = f"followed {shares}" if shares else "followed no one"
    steps = ", ".join(map(str, filmstrip.states_to_show(replay, episode)))
    caption = f"seed {shown.seed}, episode {episode + 1} of {replay.episodes}: return {earned}; {followed}"
    height, width, _ = image.shape
    source = "data:image/png;base64," + base64.b64encode(to_png(image)).decode("ascii")
    picture = tag(
        "img", src=source, width=width, height=height, alt=f"Recorded episode of {label}, {caption}"
    )
    text = tag("figcaption", f"{caption}. Steps {steps}.")
    return tag("figure", tag("h3", label), picture, text, class_="strip")


def player(shown: Sequence[Shown], colours: Mapping[str, str]) -> Markup | None:
    """The player with the replays that can be read, at the median episode of the first; None without any."""
    replays = [(one, one.replay) for one in shown if isinstance(one.replay, Replay)]
    if not replays:
        return None
    scene = Scene(
        replays=tuple(recoloured(replay, colours) for _, replay in replays),
        names=tuple(f"{one.arm.label}, seed {one.seed}" for one, _ in replays),
        episode=median_episode(replays[0][1]),
    )
    return Markup(place(scene, most=MOST))


SECTION = ReportSection(title="Episodes", anchor="episodes", order=80, render=render)
