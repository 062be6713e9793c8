"""Section: environment design. Solve rates on levels drawn by hand, and the levels that each curriculum made.

From the records of the protocol `held_out`, the files in `levels/` of the run folder, and the metrics of an
adversary, whose collapse is said.
"""

import numpy as np

from socialrl.record.labels import ALL, HeldOut
from socialrl.record.levels import KeptLevel
from socialrl.report import held_out_figures, kept_levels
from socialrl.report.following_figures import mean
from socialrl.report.markup import Markup, figure, fold, join, table, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interval
from socialrl.report.tables import NONE
from socialrl_envs.errors import SocialRLError

COLUMNS = {
    "iqm_solved": "solved, IQM",
    "worst_solved": "worst level",
    "iqm_score": "score, IQM",
    "worst_score": "worst level",
}
COMPANY = {"full": "with company", "never": "alone"}
SHOWN, MOVING = 5, 3  # levels of the gallery, and of the animation
LAST = 0.25  # the share of training after which an adversary is judged
LITTLE = 0.02  # of a regret, and of the highest entropy
NEARLY_ALL = 0.95
NOTE = (
    "Levels drawn by hand, which no generator drew and no curriculum chose. Solved: episodes with a return "
    "above what the world calls solved. Score: 0 is a random walker's return on that level, 1 a planner's. "
    "Over the levels of a seed the mean of the middle half (IQM) and the lowest; then the interquartile mean "
    "over seeds with its interval."
)
GALLERY = (
    "Levels that each curriculum kept, or of its last round, of the first seed at the end of training: those "
    "with the highest scores, where it scores them. A co-player that never comes is left out."
)


def render(context: Context) -> Body | None:
    """A table, the heat map of levels and arms, a gallery and an animation per arm, and collapsed
    adversaries.
    """
    study = context.study
    parts = (*held_out(study), *galleries(study), adversaries(study))
    return parts if any(part is not None for part in parts) else None


def held_out(study: Study) -> tuple[Markup | None, ...]:
    """The table over all levels, and the heat map."""
    found = [
        (arm.label, labels, record.values) for arm in study.arms for labels, record in arm.measured(HeldOut)
    ]
    rows = [
        (
            arm,
            COMPANY.get(at.presence, at.presence),
            *(cell(interval(values[name])) if name in values else NONE for name in COLUMNS),
        )
        for arm, at, values in found
        if at.level == ALL
    ]
    if not rows:
        return ()
    levels = list(dict.fromkeys(at.level for _, at, _ in found if at.level != ALL))
    conditions = list(dict.fromkeys((arm, at.presence) for arm, at, _ in found))
    solved = {(at.level, arm, at.presence): mean(v["solved"]) for arm, at, v in found}
    grid = np.array([[solved.get((level, *one), np.nan) for one in conditions] for level in levels])
    names = [f"{arm}, {COMPANY.get(presence, presence)}" for arm, presence in conditions]
    picture = Markup(held_out_figures.heat_map(grid, levels, names, "held-out"))
    return (
        tag("p", NOTE, class_="note"),
        table(("arm", "company", *COLUMNS.values()), rows),
        tag("h3", "Solve rate by level"),
        figure(picture, "Mean over seeds of the share of episodes that were solved, in percent."),
    )


def galleries(study: Study) -> tuple[Markup | None, ...]:
    """The levels that the arms' curricula kept; what cannot be read is said."""
    parts = [part for arm in study.arms if (part := gallery(study, arm)) is not None]
    if not parts:
        return ()
    return tag("h3", "What the curricula made"), tag("p", GALLERY, class_="note"), *parts


def gallery(study: Study, arm: ArmRun) -> Markup | None:
    """The best levels of an arm's last file, and how they changed; None if it has none."""
    try:
        by_step = kept_levels.kept(study, arm)
        filled = {step: levels for step, levels in by_step.items() if levels}
        if not filled:
            return None
        last = max(filled)
        stills = [
            figure(kept_levels.still(one, f"level {i + 1} of {arm.label}"), caption(one))
            for i, one in enumerate(filled[last][:SHOWN])
        ]
        moving = None
        if len(filled) > 1:
            words = f"the best {MOVING} levels of {arm.label} over training"
            image = kept_levels.animation(filled, MOVING, words)
            below = f"{len(filled)} checkpoints up to step {last:,}, the best {MOVING} levels of each."
            moving = fold("How they changed", tag("figure", image, tag("figcaption", below), class_="strip"))
    except SocialRLError as error:
        return join([tag("h4", arm.label), tag("p", str(error), class_="note")])
    return join([tag("h4", arm.label), tag("div", *stills, class_="levels"), moving])


def caption(one: KeptLevel) -> str | None:
    """What is known of a level; None if nothing is."""
    if np.isnan(one.score):
        return None
    return f"score {one.score:.3g}" + (f", replayed {one.replayed} times" if one.replayed else "")


def adversaries(study: Study) -> Markup | None:
    """A warning for each arm whose adversary collapsed, by its metrics in the last part of training."""
    lines = [line for arm in study.arms for line in collapses(arm)]
    if not lines:
        return None
    return tag("div", *(tag("p", line) for line in lines), class_="warning")


def collapses(arm: ArmRun) -> list[str]:
    """What says that an arm's adversary collapsed, in words."""
    signs = {
        "paired/regret": ("found no level with regret", lambda x: np.abs(x) < LITTLE),
        "paired/entropy": ("builds one and the same level (no entropy)", lambda x: x < LITTLE),
        "paired/unknown": (
            "knows the regret of almost no level, for rounds are shorter than episodes,",
            lambda x: x > NEARLY_ALL,
        ),
        "paired/refused": ("chooses almost nothing that can be built", lambda x: x > NEARLY_ALL),
    }
    found = []
    for metric, (words, collapsed) in signs.items():
        series = arm.series("train", metric)
        if not len(series):
            continue
        late = series.values[series.steps >= (1 - LAST) * series.steps[-1]]
        seeds = int(collapsed(np.nanmean(late, axis=0)).sum())
        if seeds:
            found.append(
                f"{arm.label}: in {seeds} of {late.shape[1]} seeds the adversary {words} at the end."
            )
    return found


SECTION = ReportSection(
    title="Environment design",
    anchor="environment-design",
    order=136,
    render=render,
    kinds=(HeldOut.kind,),
)
