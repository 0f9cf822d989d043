"""The training data of a run, from files to examples, on the hash embedder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.data.build import Prepared, prepare
from adapters.data.leakage import leakage
from adapters.data.split import groups, near_pages
from adapters.example import read_examples, write_examples
from rag.assistant import open_assistant
from rag.context.prompt import build_messages, template_hash
from rag.errors import InputError, SettingsError, UserError
from rag.qa import Pair, read_pairs
from rag.settings import Settings


def prepared(settings: Settings, pairs: list[Pair], held_back: list[Pair] | None = None, **train: object) -> Prepared:
    chosen = settings.train.model_copy(update=train)
    settings = settings.model_copy(update={"train": chosen})
    return prepare(settings, pairs, open_assistant(settings), held_back=held_back or [])


def test_examples_come_from_the_live_retriever_and_validation_shares_no_group(towns: Settings, qa_file: Path) -> None:
    pairs = read_pairs([qa_file])
    data = prepared(towns, pairs)
    found = groups(pairs, near=near_pages([qa_file]))
    held = {found[pair.id] for pair in data.validation}
    assert held and not held & {found[example.pair] for example in data.train}
    assert set(data.report.examples.kinds) == {"gold", "absent", "unanswerable"}
    assert data.report.works == len({found[pair.id] for pair in data.validation if pair.answerable})
    assert data.report.index_version and data.report.template == template_hash()
    assert data.report.train_pairs + data.report.validation_pairs + data.report.alike == len(pairs)
    gold = [example for example in data.train if example.kind == "gold"]
    assert gold and all("It was founded in the year" in example.messages[-1].content for example in gold)


def test_the_same_data_has_the_same_hash_and_other_data_another(towns: Settings, qa_file: Path, tmp_path: Path) -> None:
    pairs = read_pairs([qa_file])
    one = prepared(towns, pairs)
    again = prepared(towns, pairs[::-1])
    assert (one.hash, one.train) == (again.hash, again.train)
    assert prepared(towns, pairs, seed=1).hash != one.hash
    write_examples(one.train, tmp_path / "examples.jsonl")
    assert read_examples(tmp_path / "examples.jsonl") == one.train


def test_what_is_tested_on_is_not_trained_on_unless_told_so(towns: Settings, qa_file: Path) -> None:
    pairs = read_pairs([qa_file])
    with pytest.raises(UserError, match="held back"):
        prepared(towns, pairs, pairs[:2])
    dropped = prepared(towns, pairs, pairs[:2], leakage="drop")
    assert not {pair.id for pair in pairs[:2]} & {example.pair for example in dropped.train}
    assert dropped.report.leakage.counts["exact"] == 2
    allowed = prepared(towns, pairs, pairs[:2], leakage="allow", recipe="closed-book")
    assert allowed.report.leakage.findings


def test_validation_holds_no_question_that_is_nearly_a_training_question(towns: Settings) -> None:
    pairs = [
        Pair(str(number), f"In which of the many years was the old town on the river {name} founded?", ("1",), (f"{number}.md",))
        for number, name in enumerate("ABCDEFGHIJ")
    ]
    others = [Pair(f"o{number}", f"{name}?", ("1",), (f"o{number}.md",)) for number, name in enumerate(["Who", "How", "Why", "When"])]
    data = prepared(towns, [*pairs, *others], recipe="closed-book", validation=0.45)
    trained = [pair for pair in [*pairs, *others] if pair.id in {example.pair for example in data.train}]
    assert data.report.alike > 0 and not leakage(data.validation, trained).findings


def test_recipes_without_passages_need_no_index(settings: Settings) -> None:
    pairs = [Pair(str(number), f"{name}?", (name,), (f"{name}.md",), language="en") for number, name in enumerate(["Who", "How", "Why"])]
    data = prepared(settings, pairs, recipe="closed-book", style="short")
    assert data.report.index_version == "" and {example.kind for example in data.train} == {"closed-book"}
    questions = {pair.id: pair.question for pair in pairs}
    assert all(example.messages == tuple(build_messages(questions[example.pair], style="short")) for example in data.train)


def test_a_document_of_one_chunk_holds_the_answer_in_whatever_words(towns: Settings) -> None:
    pairs = [Pair(f"p{n}", f"Is {name} {n} an old town?", ("yes",), (f"town{n}.md",), language="en") for n, name in enumerate("ABC")]
    data = prepared(towns, pairs, absent=0.0)
    assert {example.kind for example in data.train} == {"gold"} and {example.target for example in data.train} == {"yes"}
    span = [Pair("s", "Is it?", ("yes",), ("town0.md",), (("town0.md", "nowhere to be found"),)), pairs[1], pairs[2]]
    runs = [prepared(towns, span, absent=0.0, validation=0.45, seed=seed) for seed in range(6)]
    assert any("s" not in {pair.id for pair in run.validation} for run in runs)
    assert not any("s" in {example.pair for example in run.train} for run in runs)


def test_text_is_learned_from_every_document_of_the_index(towns: Settings, qa_file: Path) -> None:
    data = prepared(towns, read_pairs([qa_file]), recipe="closed-book+text")
    assert {path for example in data.train if example.kind == "text" for path in example.documents} == {f"town{n}.md" for n in range(12)}


@pytest.mark.parametrize(
    ("train", "said"),
    [({"absent": 0.6, "unanswerable": 0.5}, "below 1"), ({"passages": 9}, "context.max_sources")],
)
def test_settings_that_cannot_be_met_are_refused_before_anything_is_opened(settings: Settings, train: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        prepared(settings, [], **train)


def test_pairs_that_give_no_example_are_an_error_that_says_why(towns: Settings) -> None:
    pairs = [Pair(str(n), f"{word}?", ("nowhere",), (f"none{n}.md",), language="en") for n, word in enumerate(["Who", "How", "Why"])]
    with pytest.raises(InputError, match="no passage holds the answer"):
        prepared(towns, pairs, absent=0.0)
