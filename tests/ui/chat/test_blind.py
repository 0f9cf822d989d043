"""Unnamed panes, and what readers say about answers."""

from __future__ import annotations

import json
import random
import re

import pytest

from rag.errors import ServerError
from rag.types import Answer, Chunk, Citation, Context, Decoding, Evidence, Hit, Provenance, Source, Timing
from tests.ui.stage import HOSTILE
from ui.chat import export, panes
from ui.chat.judging import TooLong, judge, record
from ui.chat.session import Session
from ui.chat.text import EN, RU, TEXTS
from ui.chat.turn import How, Pane, Turn

GIVING_AWAY = (
    "rag", "icl", "lora", "mine", "secret/path.md", "secret passage", "[1]", "3.21", "321", "tiny", "abababab", "v-index", "cite", "card",
)  # fmt: skip


def given_away(text: str) -> list[str]:
    """What a reader, or a look at the source of the page, would learn too early."""
    return [word for word in GIVING_AWAY if re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text.lower())]


def made(arm: str, words: str, *, adapter: str = "", **changes: object) -> Pane:
    """A finished pane with everything in it that could give it away."""
    chunk = Chunk("d", "secret/path.md", 0, 14, "secret passage")
    context = Context("q", "rag query", (Source(1, (Hit(chunk, 0.5),), chunk.path, "d", 0, 14, chunk.text),), evidence=Evidence(0.2, 0.5))
    provenance = Provenance(arm, "tiny", adapter or None, "ab" * 32, "v-index", "t", Decoding(), 321, 40, Timing())
    found = context if arm.startswith("rag") else None
    answer = Answer("q", words, found, provenance, (Citation(1, 0, 6, "model"),) if found else (), **changes)  # type: ignore[arg-type]
    return Pane(arm, "done", words, found, {}, answer, None, 3.21, 3.21, adapter)


def asked(*panes_: Pane, vote: str = "", blind: bool = True) -> Turn:
    return Turn("Why?", list(panes_), how=How(blind=blind), vote=vote)


def blind_turn(**values: str) -> Turn:
    return asked(made("rag+lora", "Because [1].", adapter="mine"), made("icl", "It is so."), **values)  # type: ignore[arg-type]


def html(turn: Turn, language: str = "en") -> str:
    return panes.turn(turn, 0, TEXTS["ru" if language == "ru" else "en"])


@pytest.mark.parametrize("language", ["en", "ru"])
def test_nothing_before_the_vote_gives_an_arm_away(language: str) -> None:
    turn, text = blind_turn(), TEXTS["ru" if language == "ru" else "en"]
    shown = html(turn, language)
    assert given_away(shown) == [] and "Because." in shown and "It is so." in shown
    assert given_away(export.as_markdown([turn], text)) == []
    assert given_away(export.as_json([turn], language=language, style="full")) == []
    assert given_away(html(blind_turn(vote="A"), language)) != []


def test_unnamed_panes_differ_in_their_words_only() -> None:
    one, other = asked(made("rag", "Same."), made("icl", "Same.")), asked(made("icl", "Same."), made("rag", "Same."))
    assert html(one) == html(other)


def test_refusals_of_all_kinds_and_failures_look_the_same() -> None:
    broken = Pane("rag", "failed", problem=ServerError("The arm 'rag' failed.", "Start it."))
    kinds = [
        made("icl", "I don't know.", refused=True),
        made("rag", "The documents do not hold it.", refused=True, abstained=True, finish="abstained"),
    ]
    shown = [html(asked(kind, made("icl", "Yes."), made("rag", "No."))).replace(kind.text, "") for kind in kinds]
    assert shown[0] == shown[1] and EN.refused in shown[0] and EN.abstained not in shown[0]
    failed = html(asked(broken, made("icl", "Yes."), made("rag", "No.")))
    assert EN.failed in failed and "rag" not in failed


def test_while_answers_are_written_the_quicker_pane_does_not_show() -> None:
    quick, slow = made("icl", "Quick answer."), Pane("rag", "searching")
    shown = html(asked(quick, slow))
    assert "Quick" not in shown and EN.searching not in shown and shown.count(EN.writing) == 2
    slow.state, slow.text = "writing", "Slow [1"
    shown = html(asked(quick, slow))
    assert "Quick" in shown and "Slow" in shown and "[1" not in shown
    assert shown.count('aria-busy="true"') == 2 and "ballot" not in shown


def test_the_vote_reveals_everything_and_marks_the_choice() -> None:
    session = Session([blind_turn()])
    assert judge(session, {"do": "vote", "turn": "0", "choice": "A"}) is session.turns[0]
    shown = html(session.turns[0])
    for word in ("A · RAG + LoRA · mine", "B · ICL", "secret/path.md", 'data-card="t0-p0-s1"', "Your choice"):
        assert word in shown, word
    assert "ballot" not in shown and shown.count("Your choice") == 1
    assert judge(session, {"do": "vote", "turn": "0", "choice": "B"}) is None and session.turns[0].vote == "A"


@pytest.mark.parametrize("vote", ["tie", "bad"])
def test_a_vote_for_nobody_reveals_too(vote: str) -> None:
    turn = blind_turn(vote=vote)
    assert "RAG + LoRA" in html(turn) and "voted" in html(turn) and "Your choice" not in html(turn)


def test_with_one_answer_there_is_nothing_to_vote_on_and_nothing_to_hide() -> None:
    turn = asked(made("rag", "Yes."), Pane("icl", "failed", problem=ServerError("It died.")))
    assert not turn.hidden and "ballot" not in html(turn) and "RAG" in html(turn)


def test_only_answers_that_are_there_can_be_voted_for() -> None:
    turn = asked(made("rag", "Yes."), Pane("icl", "failed"), made("lora", "No."))
    assert turn.votes == ["A", "C", "tie", "bad"]
    assert 'data-key="2"' not in html(turn) and 'data-key="3"' in html(turn)


def test_what_a_browser_makes_up_does_nothing() -> None:
    session = Session([blind_turn(), asked(Pane("rag", "writing", "half"), made("icl", "Yes."))])
    wrong: list[dict[str, object]] = [
        {}, {"do": "vote"}, {"do": "vote", "turn": "-1", "choice": "A"}, {"do": "vote", "turn": "9", "choice": "A"},
        {"do": "drop", "turn": "0", "pane": "0"},
        {"do": "vote", "turn": "0", "choice": "C"}, {"do": "vote", "turn": "0", "choice": ["A"]}, {"do": "up", "turn": "0", "pane": "²"},
        {"do": "up", "turn": "0", "pane": "2"}, {"do": "vote", "turn": "1", "choice": "A"}, {"do": "up", "turn": "1", "pane": "0"},
    ]  # fmt: skip
    assert [judge(session, said) for said in wrong] == [None] * len(wrong)
    with pytest.raises(TooLong):
        judge(session, {"do": "correct", "turn": "0", "pane": "0", "text": "x" * 5000})


def test_thumbs_can_be_changed_and_taken_back_and_corrections_kept() -> None:
    session = Session([blind_turn()])
    pane, where = session.turns[0].panes[1], {"turn": "0", "pane": "1"}
    for do, thumb in (("up", 1), ("down", -1), ("down", 0)):
        judge(session, {"do": do, **where})
        assert pane.thumb == thumb
    judge(session, {"do": "correct", "text": " Better so. ", **where})
    assert pane.correction == "Better so." and "Better so." in html(session.turns[0])
    kept = record(session.turns[0], language="ru", style="short")
    assert (kept.answers[1].correction, kept.style, kept.language, kept.blind) == ("Better so.", "short", "ru", True)
    assert kept.answers[0].passages[0].text == "secret passage" and kept.answers[0].provenance is not None


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers_and_corrections_are_text_in_unnamed_panes_too(text: str) -> None:
    pane = made("rag", f"{text} [1]")
    pane.correction = text
    shown = html(asked(pane, made("icl", text)))
    for tag in ("<script", "<img", "<iframe", "<svg", "<form", "<input", "<base", "<meta", "<style", "<a "):
        assert tag not in shown.lower()
    assert "</textarea><" not in shown.replace("</textarea><button", "")


def test_an_export_has_the_words_the_sources_and_the_names_once_they_are_known() -> None:
    turn = blind_turn(vote="B")
    turn.panes[0].correction = "It is [this](javascript:x)."
    text = export.as_markdown([turn, asked(made("icl", "![x](http://t.example/p.png) <b>"), blind=False)], RU)
    for words in ("## Вопрос: Why?", "### RAG + LoRA · mine", "### ICL (Ваш выбор)", "> Because [1].", "1. secret/path.md"):
        assert words in text, words
    assert "](" not in text and "<b>" not in text
    row = json.loads(export.as_json([turn], language="en", style="full"))["turns"][0]
    assert row["choice"] == "B" and row["answers"][0]["provenance"]["index_version"] == "v-index"
    assert row["answers"][0]["seconds"] == {"first_token": 3.21, "total": 3.21}
    assert export.file_name([turn], "md").endswith(".md")


def test_the_order_is_the_same_for_the_same_seed() -> None:
    orders = []
    for _ in range(2):
        arms = ["a", "b", "c", "d"]
        random.Random(Turn("q", [], seed=7).seed).shuffle(arms)
        orders.append(arms)
    assert orders[0] == orders[1]
