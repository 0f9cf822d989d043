"""Laws of packing: within the budget, exact slices, nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.context.pack import Packed, pack
from rag.context.prompt import render_sources
from rag.types import Chunk, Hit

WORDS = " ".join(f"word{number}" for number in range(400))
TEXTS = {"a": WORDS, "b": WORDS.upper()}


def count(text: str) -> int:
    return len(text.split())


def hit(document: str, start: int, end: int, score: float = 1.0) -> Hit:
    return Hit(Chunk(document, f"{document}.md", start, end, TEXTS[document][start:end], header="Title"), score)


def packed(hits: list[Hit], budget: int = 300, *, most: int = 4, join: bool = True) -> Packed:
    return pack(hits, budget=budget, max_sources=most, count=count, text_of=TEXTS.__getitem__, join=join)


SPANS = st.tuples(st.sampled_from("ab"), st.integers(0, 2000), st.integers(1, 600)).map(lambda span: (span[0], span[1], span[1] + span[2]))


@given(st.lists(SPANS, max_size=8), st.integers(20, 400), st.integers(1, 5), st.booleans())
def test_packing_never_exceeds_the_budget_and_loses_no_hit(spans: list[tuple[str, int, int]], budget: int, most: int, join: bool) -> None:
    hits = [hit(*span) for span in spans]
    result = packed(hits, budget, most=most, join=join)
    assert result.tokens <= budget
    assert count(render_sources(result.sources)) <= budget
    assert len(result.sources) <= most
    assert [source.number for source in result.sources] == list(range(1, len(result.sources) + 1))
    assert sum(len(source.hits) for source in result.sources) + len(result.dropped) == len(hits)
    for source in result.sources:
        assert source.text == TEXTS[source.document_id][source.start : source.end]


def test_adjacent_chunks_become_one_passage_with_the_gap_between_them() -> None:
    end = WORDS.index(" word9")
    result = packed([hit("a", end + 1, end + 40), hit("a", 0, end)])
    assert len(result.sources) == 1
    assert (result.sources[0].start, result.sources[0].end) == (0, end + 40)
    assert result.sources[0].text == WORDS[: end + 40]


def test_neighbours_stay_apart_when_joining_is_off() -> None:
    assert len(packed([hit("a", 0, 50), hit("a", 50, 90)], join=False).sources) == 2


def test_a_best_hit_larger_than_the_budget_is_cut_and_a_later_one_dropped_with_the_reason() -> None:
    result = packed([hit("a", 0, 2000), hit("b", 0, 2000)], budget=60)
    assert 0 < len(result.sources[0].text) < 2000
    assert [reason for _, reason in result.dropped] == ["over the budget of 60 tokens"]


def test_more_passages_than_allowed_are_dropped_with_the_reason() -> None:
    result = packed([hit("a", 0, 20), hit("b", 0, 20)], most=1)
    assert [reason for _, reason in result.dropped] == ["more than 1 passages"]
