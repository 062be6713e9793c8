"""The page: sections in reading order, one self-contained file, written atomically."""

from pathlib import Path

from socialrl.record.atomic import write_bytes
from socialrl.report import (
    claims,
    decision_maps,
    diagnostics,
    episodes,
    figures,
    following,
    inverse_rl,
    memory,
    offline,
    scores,
    settings,
    social,
    sources,
    transfer,
)
from socialrl.report.markup import Markup, Section, tag
from socialrl.report.reading import Study


def write(study: Study, out: Path | None = None) -> Path:
    """Writes the page (default: report.html in the first run's folder) and returns where it is."""
    path = out if out is not None else study.runs[0].folder / "report.html"
    write_bytes(path, render(study).encode("utf-8", "replace"))
    return path


def render(study: Study) -> str:
    """The whole page as text; the same files give the same text."""
    styles = figures.arm_styles({arm.label: arm.name for arm in study.arms})
    shown = episodes.choose(study)
    colours = figures.source_colours([*episodes.sources_of(shown), *sources.sources_of(study)])
    sections = [
        scores.in_short(study, styles),
        claims.claims(study),
        scores.learning(study, styles),
        offline.offline(study),
        scores.final(study, styles),
        sources.followed(study, colours),
        decision_maps.decision_maps(study, styles, colours),
        episodes.episodes(shown, colours),
        social.social(study, styles),
        following.following(study, styles),
        memory.memory(study, styles),
        inverse_rl.inverse_rl(study),
        transfer.few_shot(study, styles),
        diagnostics.diagnostics(study, styles),
        settings.settings(study),
        settings.reproduce(study),
    ]
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{study.title}: report"),
        tag("style", Markup(style)),
    )
    present = [one for one in sections if one is not None]
    main = (tag("section", tag("h2", one.title), *one.body, id=one.anchor) for one in present)
    body = tag(
        "body", header(study), contents(present), tag("main", *main), tag("footer", scores.methods(study))
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def contents(sections: list[Section]) -> Markup:
    """Links to the sections."""
    return tag("nav", *(tag("a", one.title, href=f"#{one.anchor}") for one in sections))


def header(study: Study) -> Markup:
    """Title, question, what was run, and what a reader should know before the numbers."""
    notes = [note for run in study.runs for note in run.notes]
    seeds = "/".join(
        str(count) for count in dict.fromkeys(run.experiment.get("seeds", "?") for run in study.runs)
    )
    devices = dict.fromkeys(run.device for run in study.runs if run.device)
    scales = dict.fromkeys(str(run.experiment["scale"]) for run in study.runs if run.experiment.get("scale"))
    facts = [*scales, f"{len(study.arms)} arms", f"{seeds} seeds", *devices]
    return tag(
        "header",
        tag("h1", study.title),
        *(tag("p", question, class_="question") for question in study.questions or (study.title,)),
        tag("p", " · ".join(facts), class_="meta"),
        tag("div", *(tag("p", note) for note in notes), class_="warning") if notes else None,
    )
