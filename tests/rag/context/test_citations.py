"""Citations point into the document, and say who made the link."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.context.citations import cite, refuses, statements, without_markers
from rag.types import Source

FIRST = "LoRA adds two small matrices. The rank is usually 16. It was published in 2021."
SECOND = "Полное дообучение меняет все веса. Оно требует много памяти."
OFFSET = 100
SOURCES = [
    Source(1, (), "lora.md", "a", OFFSET, OFFSET + len(FIRST), FIRST),
    Source(2, (), "full.md", "b", 0, len(SECOND), SECOND),
]


def quoted(number: int, start: int, end: int) -> str:
    source = SOURCES[number - 1]
    return source.text[start - source.start : end - source.start]


def test_a_marker_of_the_model_is_taken_and_points_to_the_closest_sentence() -> None:
    (citation,) = cite("What rank is usual?", "The usual rank is 16 [1].", SOURCES)
    assert (citation.number, citation.by) == (1, "model")
    assert quoted(1, citation.start, citation.end) == "The rank is usually 16."


def test_a_short_answer_without_marker_is_matched_to_the_sentence_that_holds_it() -> None:
    (citation,) = cite("When was LoRA published?", "2021", SOURCES)
    assert (citation.number, citation.by) == (1, "match")
    assert quoted(1, citation.start, citation.end) == "It was published in 2021."


def test_russian_words_match_in_other_forms() -> None:
    (citation,) = cite("Что меняет полное дообучение?", "Меняются все веса.", SOURCES)
    assert quoted(2, citation.start, citation.end) == "Полное дообучение меняет все веса."


def test_a_statement_that_no_source_holds_has_no_citation() -> None:
    assert cite("Where is Paris?", "Paris lies in France.", SOURCES) == ()


def test_a_marker_of_no_source_is_no_citation_of_the_model() -> None:
    assert all(citation.by == "match" for citation in cite("Rank?", "The rank is usually 16 [7].", SOURCES))


def test_a_marker_behind_the_full_stop_belongs_to_its_sentence() -> None:
    assert statements("The rank is 16. [1] It is small [2].") == [("The rank is 16.", [1]), ("It is small.", [2])]


@given(st.text(max_size=200))
def test_any_answer_is_cited_within_its_sources(answer: str) -> None:
    for citation in cite("question", answer, SOURCES):
        source = SOURCES[citation.number - 1]
        assert source.start <= citation.start < citation.end <= source.end


def test_markers_do_not_count_as_words_of_the_answer() -> None:
    assert without_markers("16 [1], [2; 3]") == "16,"
    assert without_markers("The array a[i] has 3 items.") == "The array a[i] has 3 items."


def test_refusals_are_seen_in_both_languages_and_answers_are_not() -> None:
    for text in ("I don't know.", "The documents do not contain this.", "Не знаю.", "В документах нет ответа на этот вопрос."):
        assert refuses(text), text
    for text in ("The rank is 16.", "Ранг равен 16.", "It is known as LoRA."):
        assert not refuses(text), text
