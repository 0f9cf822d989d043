"""Laws of the page: it stands alone, acts on nothing it shows, and says everything in its order."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from eval.report.lost import MOST
from eval.report.page import page
from eval.types import Case, Run
from eval.verdict import Verdict
from rag.errors import UserError
from rag.qa import Pair
from tests.eval.report.made import JUDGED, SKILL, empty, made_pairs, made_run
from tests.eval.report.reading import Document, read

SAID = Verdict("v")
ADDRESSES = {"src", "href", "xlink:href", "srcset", "action", "formaction", "poster", "data", "background", "cite", "ping", "manifest"}
ACTIVE = {
    "script",
    "link",
    "iframe",
    "frame",
    "object",
    "embed",
    "base",
    "form",
    "audio",
    "video",
    "source",
    "img",
    "use",
    "image",
    "applet",
}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(2)</script>",
    "</title></head><body onload=alert(3)>",
    "[click](javascript:alert(4)) <a href='javascript:alert(4)'>x</a>",
    "\x1b[31mred\x1b[0m\x07",
    "abc\u202egpj.exe\u2066\u200b",
    "half \ud800 of a pair \x00",
    "{{ 7 * 7 }} {% raw %} {0} %s",
    "--><!-- ]]> &lt;script&gt;",
)


@pytest.fixture(scope="module")
def run() -> Run:
    return made_run()


@pytest.fixture(scope="module")
def document(run: Run) -> Document:
    return read(page(run, Verdict("RAG beats prompting.", ("Few documents.",))))


def hostile(text: str) -> Run:
    """A run in which everything that comes from outside is that text."""
    pairs = [Pair(f"{text}{k}", text, (text,), (text,), ((text, text),), True, text, text) for k in range(8)]
    run = made_run(pairs, texts={text: f"before {text} after", "b": text, "c": text})
    return replace(
        run,
        name=text,
        cases=tuple(Case(case.pair, (text,), text) for case in run.cases),
        replies=tuple(replace(each, text=text) for each in run.replies),
        failures=tuple(replace(each, what=text) for each in run.failures),
        lost=tuple(replace(each, cause=text) for each in run.lost),
        contrasts=tuple(replace(each, name=text) for each in run.contrasts),
        breakdown=tuple((text, text, arm, estimate) for _, _, arm, estimate in run.breakdown),
        manifest={**run.manifest, text: {text: [text]}, "command": text},
        judged={
            **JUDGED,
            text: text,
            "model": text,
            "rubric": text,
            "pairs": {text: {**JUDGED["pairs"]["rag - icl"], "failed": {text: text}}},
        },
    )


def renamed(run: Run, old: str, new: str) -> Run:
    """The run with another name for an arm."""

    def name(arm: str) -> str:
        return new if arm == old else arm

    return replace(
        run,
        manifest={},
        replies=tuple(replace(each, arm=name(each.arm)) for each in run.replies),
        scores=tuple(replace(each, arm=name(each.arm)) for each in run.scores),
        lost=tuple(replace(each, arm=name(each.arm)) for each in run.lost),
        failures=tuple(replace(each, arm=name(each.arm)) for each in run.failures),
        estimates={name(arm): found for arm, found in run.estimates.items()},
        curves={name(arm): curve for arm, curve in run.curves.items()},
        breakdown=tuple((a, b, name(arm), estimate) for a, b, arm, estimate in run.breakdown),
    )


def test_nothing_outside_is_referred_to(document: Document) -> None:
    assert not [tag.name for tag in document.tags if tag.name in ACTIVE]
    for tag in document.tags:
        for name, value in tag.attributes.items():
            assert name not in ADDRESSES or value.startswith("#"), (tag.name, name, value)
            assert not name.startswith("on") and name != "style", (tag.name, name)
            assert "://" not in value and "javascript:" not in value
    assert document.style and not re.search(r"url\(|@import|@font-face|expression|//[a-z]", document.style)


def test_the_page_forbids_itself_everything_but_its_own_style(document: Document) -> None:
    metas = {tag.attributes.get("http-equiv"): tag.attributes["content"] for tag in document.named("meta") if "content" in tag.attributes}
    rules = dict(rule.strip().partition(" ")[::2] for rule in metas["Content-Security-Policy"].split(";"))
    assert rules["default-src"] == "'none'" and "script-src" not in rules
    assert rules["style-src"] == "'unsafe-inline'" and rules["img-src"] == "data:"
    assert "refresh" not in {str(name).lower() for name in metas}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_is_shown_is_never_acted_upon(text: str, language: str, document: Document) -> None:
    html = page(hostile(text), Verdict(text, (text,)), language=language)
    html.encode("utf-8")
    found = read(html)
    own = {tag.name for tag in document.tags}
    attributes = {(tag.name, name) for tag in document.tags for name in tag.attributes}
    assert found.balanced
    assert {tag.name for tag in found.tags} <= own
    assert {(tag.name, name) for tag in found.tags for name in tag.attributes} <= attributes
    assert len(found.named("style")) == 1 and found.style == document.style
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)


def test_hostile_characters_are_made_visible() -> None:
    text = read(page(hostile("\x1b[31m \u202etxt.exe \ud800"), SAID)).text
    assert "␛[31m" in text and "⟨U+202E⟩txt.exe" in text and "⟨U+D800⟩" in text


@pytest.mark.parametrize("text", HOSTILE[:5])
def test_a_hostile_name_of_an_arm_stays_a_name(text: str, run: Run) -> None:
    found = read(page(renamed(run, "oracle", text), SAID))
    assert text in found.text and found.balanced and not found.named("script") and not found.named("img")


def test_every_tag_is_closed(document: Document) -> None:
    assert document.balanced


def test_the_sections_stand_in_their_order_and_the_contents_lead_to_each(document: Document) -> None:
    sections = [tag.attributes["id"] for tag in document.named("section")]
    order = ["axes", "arms", "contrasts", "retrieval", "risk", "refusals", "speed", "breakdown", "causes", "lost", "missing", "manifest"]
    assert sections == order
    assert [tag.attributes["href"] for tag in document.named("a")] == [f"#{name}" for name in sections]
    assert document.named("h1")[0].text == "RAG beats prompting."


def test_a_judge_has_a_section_only_when_one_was_asked(run: Run) -> None:
    found = read(page(replace(run, judged=JUDGED), SAID))
    section = next(tag for tag in found.named("section") if tag.attributes["id"] == "judge")
    for words in (
        "kappa 0.61 (95 % interval [0.31, 0.84]; n = 24)",
        "75.0 % of the votes",
        "So few votes say little",
        "+37.9",
        "[+20.0, +55.0]",
    ):
        assert words in section.text
    assert "5 swayed by the order; 3 word for word the same" in section.text and "1\u202f100 statements of 90 replies" in section.text
    assert found.balanced and not [tag for tag in read(page(run, SAID)).named("section") if tag.attributes["id"] == "judge"]


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ({"n": 0, "votes": 3, "failures": 3, "inconsistent": 0}, "no verdict on any of the pairs"),
        ({**JUDGED["votes"], "kappa": None, "low": None, "high": None}, "kappa is not defined"),
        ({**JUDGED["votes"], "low": None, "high": None}, "95 % interval not to be had"),
        (None, "no votes of people"),
    ],
)
def test_what_is_not_known_of_the_agreement_is_said(votes: object, said: str, run: Run) -> None:
    assert said in read(page(replace(run, judged={**JUDGED, "votes": votes}), SAID)).text


def test_an_nli_model_alone_judges_no_pairs_and_wants_no_votes(run: Run) -> None:
    text = read(page(replace(run, judged={"groundedness": {**JUDGED["groundedness"], "by": "models/nli"}}), SAID)).text
    assert "judged by models/nli" in text and "votes of people" not in text and "natural-language inference" in text


def test_ids_are_unique(document: Document) -> None:
    ids = [tag.attributes["id"] for tag in document.tags if "id" in tag.attributes]
    assert len(ids) == len(set(ids))


def test_headings_do_not_skip_a_level(document: Document) -> None:
    levels = [int(tag.name[1]) for tag in document.tags if re.fullmatch(r"h[1-6]", tag.name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_headings_with_their_direction(document: Document) -> None:
    tables = document.named("table")
    assert len(tables) > 10 and len(document.named("caption")) == len(tables)
    assert all(tag.text.strip() for tag in document.named("caption"))
    assert all(tag.attributes.get("scope") in ("col", "row") and tag.text.strip() for tag in document.named("th"))


def test_every_figure_has_a_title_and_a_description(document: Document) -> None:
    figures = [tag for tag in document.named("svg") if tag.attributes.get("aria-hidden") != "true"]
    words = {tag.attributes["id"]: tag.text for tag in document.tags if tag.name in ("title", "desc") and "id" in tag.attributes}
    assert len(figures) == 5  # forest, curves, calibration, scatter, stacks
    for figure in figures:
        assert figure.attributes["role"] == "img"
        assert all(words[name].strip() for name in figure.attributes["aria-labelledby"].split())


def test_arms_differ_by_more_than_colour(document: Document) -> None:
    curves = [tag for tag in document.named("polyline") if "curve" in tag.attributes["class"]]
    dashes = [tag.attributes.get("stroke-dasharray", "") for tag in curves]
    assert len(curves) == len(set(dashes)) == len(SKILL)


def test_a_page_without_answers_still_says_what_is_missing(run: Run) -> None:
    found = read(page(empty(run), SAID))
    assert found.balanced and "No two arms of this run were to be compared." in found.text


@pytest.mark.parametrize("n", [1, 2])
def test_the_smallest_runs_make_a_page(n: int) -> None:
    assert read(page(made_run(made_pairs(n)), SAID)).balanced


def test_hundreds_of_cases_stay_a_few_hundred_kilobytes_and_what_is_left_out_is_counted() -> None:
    run = made_run(made_pairs(600), texts={f"docs/{k}.md": "long words " * 400 for k in range(20)})
    html = page(run, SAID)
    lost = len({each.case for each in run.lost if each.arm not in ("oracle", "shuffled")})
    assert lost > MOST and f"There are {lost - MOST} more" in html
    assert len(read(html).named("h3")) == MOST
    assert len(html.encode()) < 700_000


def test_another_language_is_refused_with_the_ones_there_are(run: Run) -> None:
    with pytest.raises(UserError, match=r"'de'.*en, ru"):
        page(run, SAID, language="de")


def test_figures_of_several_metrics_have_names_of_their_own(run: Run) -> None:
    more = tuple(replace(each, metric=metric) for metric in ("refusal_recall", "over_refusal") for each in run.contrasts)
    found = read(page(replace(run, contrasts=(*run.contrasts, *more)), SAID))
    ids = [tag.attributes["id"] for tag in found.tags if "id" in tag.attributes]
    assert len(ids) == len(set(ids)) and {"forest0-title", "forest1-title", "forest2-title"} <= set(ids)
