"""Whether the answer stands in the prompt, and citations."""

from __future__ import annotations

from eval.metrics.passages import answer_in_context, citation_precision, holds_gold, quote_verbatim
from eval.types import Passage
from rag.qa import Pair

PAIR = Pair("1", "?", ("sixteen", "16"), ("lora.md",), (("lora.md", "The usual rank\nis sixteen."),), language="en")


def passage(path: str, text: str) -> Passage:
    return Passage(1, path, 0, len(text), text)


def test_a_gold_span_is_found_whatever_the_line_breaks() -> None:
    assert holds_gold(PAIR, [passage("lora.md", "Of LoRA.  The usual\nrank is sixteen. More.")])


def test_an_accepted_answer_in_an_accepted_file_is_gold_and_elsewhere_only_in_the_context() -> None:
    other = [passage("other.md", "It takes sixteen bytes.")]
    assert holds_gold(PAIR, [passage("lora.md", "r = 16")])
    assert not holds_gold(PAIR, other)
    assert answer_in_context(PAIR, other)
    assert not answer_in_context(PAIR, [passage("other.md", "sixteenth, 160")])


def test_the_right_file_with_another_passage_is_not_the_answer() -> None:
    assert not answer_in_context(PAIR, [passage("lora.md", "Alpha scales the update.")])


def test_without_passages_there_is_nothing_in_them() -> None:
    assert not answer_in_context(PAIR, [])


def test_inflected_answers_are_found_in_russian() -> None:
    pair = Pair("1", "?", ("нижние слои",), ("a.md",), language="ru")
    assert answer_in_context(pair, [passage("a.md", "Признаки хранятся нижними слоями сети.")])


def test_citations_are_right_by_path_and_quotes_by_their_words() -> None:
    cited = (("lora.md", "The usual  rank"), ("other.md", "bytes"), ("lora.md", "never said"), ("lora.md", ""))
    assert citation_precision(cited, PAIR) == 0.75
    assert quote_verbatim(cited, [passage("lora.md", "The usual rank is sixteen."), passage("third.md", "bytes")]) == 0.25
