"""The split: whole groups only, deterministic, about the share that was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.data.split import groups, near_pages, split, work
from rag.errors import InputError
from rag.qa import Pair
from rag.types import Message

PATHS = st.sampled_from([f"{folder}{name}.md" for folder in ("", "en/", "ru/") for name in ("a", "b__1", "b__2", "c", "d", "e", "f", "g")])


@st.composite
def some_pairs(draw: st.DrawFn) -> list[Pair]:
    rows = draw(st.lists(st.tuples(st.integers(0, 30), st.lists(PATHS, max_size=2)), min_size=2, max_size=30))
    return [Pair(f"q{number}", f"What is {asked}?", ("x",), tuple(docs)) for number, (asked, docs) in enumerate(rows)]


@given(some_pairs(), st.floats(0.05, 0.45), st.integers(0, 5))
def test_no_work_and_no_question_is_in_both_parts(pairs: list[Pair], share: float, seed: int) -> None:
    if len(set(groups(pairs).values())) < 2:
        return
    parts = split(pairs, share, seed)
    assert parts.train and parts.validation
    assert sorted(pair.id for pair in (*parts.train, *parts.validation)) == sorted(pair.id for pair in pairs)
    works = [{work(path) for pair in part for path in pair.docs} for part in (parts.train, parts.validation)]
    assert not works[0] & works[1]
    assert not {pair.question for pair in parts.train} & {pair.question for pair in parts.validation}


@given(some_pairs(), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(pairs: list[Pair], rng: object) -> None:
    shuffled = list(pairs)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert groups(pairs) == groups(shuffled)
    if len(set(groups(pairs).values())) > 1:
        assert {pair.id for pair in split(pairs, 0.3, 1).validation} == {pair.id for pair in split(shuffled, 0.3, 1).validation}


def test_the_share_is_met_when_groups_are_small_and_another_seed_draws_others() -> None:
    pairs = [Pair(str(number), f"What is {number}?", ("x",), (f"{number}.md",)) for number in range(200)]
    held = [{pair.id for pair in split(pairs, 0.1, seed).validation} for seed in (0, 1)]
    assert [len(each) for each in held] == [20, 20]
    assert held[0] != held[1]


def test_a_huge_work_stays_in_training() -> None:
    pairs = [Pair(f"big{number}", f"What is {number}?", ("x",), (f"big__{number}.md",)) for number in range(50)]
    pairs += [Pair(f"small{number}", f"Who is {number}?", ("x",), (f"{number}.md",)) for number in range(5)]
    assert all(pair.id.startswith("small") for seed in range(5) for pair in split(pairs, 0.1, seed).validation)


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("Normans__07.md", "Normans__00.md"),
        ("ru/lora.md", "en/lora.md"),
        ("docs/guide.ru.md", "docs/guide.en.md"),
        ("a/b.md", "a/b.html"),
        ("api/__init__.py", "api/__init__.py"),
    ],
)
def test_pieces_and_translations_are_one_work(path: str, same: str) -> None:
    assert work(path) == work(same) != work("else/where.md")


def test_pieces_without_a_name_before_the_mark_are_works_of_their_own() -> None:
    assert work("api/__init__.py") != work("api/__main__.py")


def test_an_unanswerable_question_goes_with_its_near_page_or_the_page_its_id_names(tmp_path: Path) -> None:
    pairs = [
        Pair("1", "How old?", ("3",), ("en/lora.md",)),
        Pair("lora-ru-09", "Кто это?", answerable=False),
        Pair("2", "Who?", answerable=False),
        Pair("3", "Why?", answerable=False),
    ]
    file = tmp_path / "qa.jsonl"
    file.write_text(json.dumps({"id": "2", "question": "Who?", "near": "ru/lora.md"}) + "\n\n" + json.dumps({"question": "Why?"}))
    near = near_pages([file])
    assert near == {"2": "ru/lora.md"}
    found = groups(pairs, near=near)
    assert found["1"] == found["lora-ru-09"] == found["2"] != found["3"]


def test_turns_of_one_conversation_are_together() -> None:
    first = Pair("a", "What is LoRA?", ("x",), ("a.md",))
    second = Pair("b", "And its rank?", ("y",), ("b.md",), history=(Message("user", "What is LoRA?"), Message("assistant", "x")))
    found = groups([first, second])
    assert found["a"] == found["b"]


def test_pairs_about_one_document_cannot_be_split() -> None:
    with pytest.raises(InputError, match="same documents"):
        split([Pair("1", "a?", ("x",), ("a.md",)), Pair("2", "b?", ("x",), ("a.md",))], 0.1, 0)
