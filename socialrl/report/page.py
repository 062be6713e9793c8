"""The page: header, sections in order, and footer in one self-contained HTML file, written atomically."""

from collections.abc import Mapping
from pathlib import Path

from socialrl.record.atomic import write_bytes
from socialrl.record.replay import Replay
from socialrl.report import episodes, figures, scores, sections, sources
from socialrl.report.findings import findings, tuning_note
from socialrl.report.markup import Markup, join, tag
from socialrl.report.reading import Study
from socialrl.report.section import Context, ReportSection
from socialrl.web import page as web


def write(study: Study, out: Path | None = None, added: Mapping[str, ReportSection] | None = None) -> Path:
    """Writes the page and returns its path.

    out: where; None takes report.html in the first run's folder. added: sections by name, besides the
    discovered ones.
    """
    path = out if out is not None else study.runs[0].folder / "report.html"
    write_bytes(path, render(study, added).encode("utf-8", "replace"))
    return path


def render(study: Study, added: Mapping[str, ReportSection] | None = None) -> str:
    """The whole page as text; the same files give the same text.

    Raises SocialRLError if a file cannot be read. A section that fails for another reason is replaced by one
    line.
    """
    known = sections.discover() | dict(added or {})
    ordered = sorted(known.items(), key=lambda item: (item[1].order, item[0]))
    context = context_of(study, frozenset(kind for one in known.values() for kind in one.kinds))
    shown = [
        (section, body) for name, section in ordered if (body := body_of(name, section, context)) is not None
    ]
    played = any(isinstance(one.replay, Replay) for one in context.shown)
    scripts = [web.page_script()] if played else []
    rules = {"http-equiv": "Content-Security-Policy", "content": web.policy(scripts, None)}
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", **rules),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{study.title}: report"),
        tag("style", Markup(page_style() + (web.style() if played else ""))),
    )
    main = (tag("section", tag("h2", section.title), body, id=section.anchor) for section, body in shown)
    body = tag(
        "body",
        header(study),
        contents([section for section, _ in shown]),
        tag("main", *main),
        tag("footer", scores.methods(study)),
        *(tag("script", Markup(script)) for script in scripts),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def page_style() -> str:
    """The style sheet of all pages."""
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def context_of(study: Study, kinds: frozenset[str]) -> Context:
    """What sections may read: styles and colours of the whole page, replays, verdicts."""
    shown = episodes.choose(study)
    return Context(
        study=study,
        styles=figures.arm_styles({arm.label: arm.name for arm in study.arms}),
        colours=figures.source_colours([*episodes.sources_of(shown), *sources.sources_of(study)]),
        shown=shown,
        findings=findings(study),
        kinds=kinds,
    )


def body_of(name: str, section: ReportSection, context: Context) -> Markup | None:
    """The content of a section, None if it has none; a line that names section and error if it raises one."""
    try:
        body = section.render(context)
        return None if body is None else join(body)
    except Exception as error:
        text = f"The section {name} could not be made: {type(error).__name__}: {error}"
        return tag("p", " ".join(text.split()), class_="warning")


def contents(shown: list[ReportSection]) -> Markup:
    """Links to the sections."""
    return tag("nav", *(tag("a", one.title, href=f"#{one.anchor}") for one in shown))


def header(study: Study) -> Markup:
    """Title, question, size of the runs, and warnings about incomplete or damaged files."""
    notes = [tuning_note(run) for run in study.runs if not run.reporting]
    notes += [note for run in study.runs for note in run.notes]
    seeds = " / ".join(dict.fromkeys(run.seeds for run in study.runs))
    devices = dict.fromkeys(run.device for run in study.runs if run.device)
    scales = dict.fromkeys(str(run.experiment["scale"]) for run in study.runs if run.experiment.get("scale"))
    arms = "1 arm" if len(study.arms) == 1 else f"{len(study.arms)} arms"
    facts = [*scales, arms, seeds, *devices]
    return tag(
        "header",
        tag("h1", study.title),
        *(tag("p", question, class_="question") for question in study.questions or (study.title,)),
        tag("p", " · ".join(facts), class_="meta"),
        tag("div", *(tag("p", note) for note in notes), class_="warning") if notes else None,
    )
