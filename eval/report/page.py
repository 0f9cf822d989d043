"""The page: every section in its order, put into the template. Everything that is not our own markup is escaped and made visible."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from eval.report.blocks import Section
from eval.report.causes import causes
from eval.report.compared import contrasts
from eval.report.judged import judge
from eval.report.lost import MOST, best, lost_cases, missing
from eval.report.overview import arms, axes, breakdown, retrieval
from eval.report.refusals import refusals, risk
from eval.report.repeat import manifest
from eval.report.speed import latency
from eval.report.view import View
from eval.report.visible import visible
from eval.types import Run
from eval.verdict import Verdict

if TYPE_CHECKING:
    from jinja2 import Environment


def page(run: Run, verdict: Verdict, *, language: str = "en") -> str:
    """One HTML file without outside references; `verdict` stands on top. Raises UserError for a language without words."""
    view = View(run, language)
    cases, total = lost_cases(view)
    template = _environment().get_template("page.html")
    text: str = template.render(
        w=view.words,
        name=run.name,
        verdict=verdict,
        facts=_facts(view),
        style=Markup(_style()),  # our own file
        metric=view.called(view.metric),
        sections=_sections(view, len(cases), total),
        cases=cases,
        missing=missing(view),
    )
    return text


def _sections(view: View, shown: int, lost: int) -> list[Section]:
    measured = [axes(view), arms(view), contrasts(view), retrieval(view), risk(view), refusals(view), latency(view)]
    judged = [judge(view)] if view.run.judged else []
    return [*measured, *judged, breakdown(view), causes(view), _lost(view, shown, lost), _missing(view), manifest(view)]


def _lost(view: View, shown: int, lost: int) -> Section:
    words = view.words
    if not lost:
        return Section("lost", words("lost_title"), words("lost_none"))
    more = " " + words("lost_more", n=lost - shown) if lost > shown else ""
    return Section("lost", words("lost_title"), words("lost_lead", n=words.count("questions", lost), arm=best(view)) + more)


def _missing(view: View) -> Section:
    words, failed = view.words, len(view.run.failures)
    if not failed:
        return Section("missing", words("missing_title"), words("missing_none"))
    more = " " + words("lost_more", n=failed - MOST) if failed > MOST else ""
    return Section("missing", words("missing_title"), words("missing_lead", n=view.numbers.count(failed)) + more)


def _facts(view: View) -> list[str]:
    """One line under the verdict: how much was asked, of whom, and when."""
    words, run = view.words, view.run
    other = sum(not case.pair.answerable for case in run.cases)
    documents = {case.pair.docs[0] for case in run.cases if case.pair.docs}
    facts = [words.count("questions", len(run.cases)), words("fact_unanswerable", n=other), words.count("documents", len(documents))]
    facts += [words.count("arms", len(view.arms)), words("fact_failures", n=len(run.failures))]
    return [*facts, *_named(run.manifest)]


def _named(manifest: Mapping[str, Any]) -> list[str]:
    """The model's name and the day, where the manifest has them."""
    determines = manifest.get("determines")
    model = determines.get("model") if isinstance(determines, Mapping) else None
    name = model.get("name", "") if isinstance(model, Mapping) else ""
    return [str(each) for each in (name, str(manifest.get("created", ""))[:10]) if each]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("eval.report", "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """What the template writes: our own markup as it is, everything else with its invisible characters shown."""
    return value if isinstance(value, Markup) else visible(str(value))


@lru_cache(maxsize=1)
def _style() -> str:
    return resources.files("eval.report").joinpath("style.css").read_text(encoding="utf-8")
