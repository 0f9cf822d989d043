"""Recipe `context`: what every example must be, whatever the pairs and the retrieval."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adapters.data.gold import Need
from adapters.data.recipes.recipe import Material, make
from adapters.example import Example
from rag.context.citations import refuses
from rag.context.prompt import build_messages
from rag.errors import UserError
from rag.qa import Pair
from rag.types import Context, Source
from tests.adapters.data.towns import gold_text, pair, retrieved, source

Maker = Callable[..., Material]
PASSAGE = re.compile(r'<document id="(\d+)">\nHeader\n(.*?)\n</document>', re.DOTALL)
few = hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def passages(example: Example) -> dict[int, str]:
    return {int(number): text for number, text in PASSAGE.findall(example.messages[-1].content)}


def pairs_of(answerable: int, unanswerable: int = 0) -> list[Pair]:
    return [*(pair(number) for number in range(answerable)), *(pair(number, answerable=False) for number in range(unanswerable))]


@few
@given(st.integers(5, 40), st.integers(0, 20), st.integers(1, 4), st.integers(0, 3), st.sampled_from(["short", "full", "both"]))
def test_every_example_is_a_serving_prompt_whose_target_fits_its_passages(
    material: Maker, answerable: int, unanswerable: int, most: int, seed: int, style: str
) -> None:
    pairs = {each.id: each for each in pairs_of(answerable, unanswerable)}
    made = make(material(list(pairs.values()), passages=most, seed=seed, style=style, absent=0.2, unanswerable=0.2))
    for example in made.examples:
        asked, shown = pairs[example.pair], passages(example)
        assert sorted(shown) == list(range(1, len(shown) + 1)) and 1 <= len(shown) <= most
        sources = [replace(source("any.md", text), number=number, header="Header") for number, text in shown.items()]
        prompts = {kind: tuple(build_messages(asked.question, style=kind, sources=sources)) for kind in ("short", "full")}
        assert example.messages in ([prompts[style]] if style != "both" else list(prompts.values()))
        assert refuses(example.target) == (example.kind != "gold")
        gold = [number for number, text in shown.items() if text == gold_text(int(asked.id[-4:]))]
        assert len(gold) == (1 if example.kind == "gold" else 0)
        if example.kind == "gold":
            full = example.messages == prompts["full"]
            assert example.target == (
                f"It was founded in the year {asked.answers[0]} by settlers. [{gold[0]}]" if full else asked.answers[0]
            )
        assert example.documents == asked.docs


@few
@given(st.integers(10, 60), st.integers(0, 30), st.floats(0, 0.4), st.floats(0, 0.4), st.integers(5, 60))
def test_shares_hold_within_one_example_and_unanswerable_is_never_more(
    material: Maker, answerable: int, unanswerable: int, absent: float, never: float, limit: int
) -> None:
    made = make(material(pairs_of(answerable, unanswerable), examples=limit, absent=absent, unanswerable=never))
    whole, kinds = made.report.examples, made.report.kinds
    assert whole == len(made.examples) <= limit
    assert kinds.get("unanswerable", 0) <= never * whole + 1e-6
    assert kinds.get("unanswerable", 0) > min(never * whole - 1, unanswerable - 1)
    assert abs(kinds.get("absent", 0) - absent * whole) < 1


@few
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(material: Maker, rng: object) -> None:
    pairs = pairs_of(30, 10)
    shuffled = list(pairs)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert make(material(pairs, examples=20)).examples == make(material(shuffled, examples=20)).examples


def test_gold_stands_at_every_position_equally_often_and_every_number_of_passages_occurs(material: Maker) -> None:
    made = make(material(pairs_of(600), passages=3, absent=0.0, style="full"))
    sizes = Counter(len(passages(example)) for example in made.examples)
    assert 490 <= sizes[3] <= 550 and all(20 <= sizes[size] <= 60 for size in (1, 2)), sizes
    for size in (2, 3):
        at = Counter(example.target[-2] for example in made.examples if len(passages(example)) == size)
        expected = sizes[size] / size
        assert set(at) == {str(number) for number in range(1, size + 1)}
        assert sum((count - expected) ** 2 / expected for count in at.values()) < 10.8, at  # chi square, p about 0.001


def test_what_retrieval_missed_is_taken_from_the_index_or_skipped_and_counted(material: Maker) -> None:
    def missed(asked: Pair) -> Context:
        return retrieved(asked, gold_rank=None)

    def from_index(asked: Pair, need: Need) -> Source | None:
        return source(asked.docs[0], gold_text(int(asked.id[-4:]))) if asked.id != "town-0000" else None

    alone = make(material(pairs_of(10), found=missed, absent=0.0))
    assert not alone.examples and alone.report.skipped == {"no passage holds the answer": 10}
    helped = make(material(pairs_of(10), found=missed, gold_passage=from_index, absent=0.0))
    assert helped.report.kinds == {"gold": 9} and helped.report.skipped == {"no passage holds the answer": 1}
    assert all(gold_text(int(example.pair[-4:])) in passages(example).values() for example in helped.examples)


def test_a_missed_pair_may_still_teach_the_refusal(material: Maker) -> None:
    def found(asked: Pair) -> Context:
        return retrieved(asked, gold_rank=None if asked.id == "town-0003" else 1)

    made = make(material(pairs_of(10), found=found, absent=0.1))
    assert [example.pair for example in made.examples if example.kind == "absent"] == ["town-0003"]
    assert made.report.kinds == {"absent": 1, "gold": 9}


def test_a_gold_document_without_the_answer_is_a_negative_and_never_in_an_absent_prompt(material: Maker) -> None:
    def found(asked: Pair) -> Context:
        context = retrieved(asked, gold_rank=2)
        other = source(asked.docs[0], "It lies on a river, and the river is long.", start=500)
        return replace(context, sources=(other, *context.sources[1:]))

    pairs = pairs_of(60)
    made = make(material(pairs, found=found, passages=3, absent=0.3))
    shown = {kind: [passages(example) for example in made.examples if example.kind == kind] for kind in ("gold", "absent")}
    assert any("river is long" in text for each in shown["gold"] for text in each.values())
    assert shown["absent"] and not any("river" in text for each in shown["absent"] for text in each.values())


def test_an_absent_prompt_never_holds_the_answer_from_another_document(material: Maker) -> None:
    def found(asked: Pair) -> Context:
        context = retrieved(asked)
        elsewhere = source("list.md", f"Years: {', '.join(str(1000 + n) for n in range(100))}")
        return replace(context, sources=(*context.sources, elsewhere))

    made = make(material(pairs_of(50), found=found, absent=0.4, passages=4))
    assert made.report.kinds["absent"] == 20
    assert not any("Years" in text for example in made.examples if example.kind == "absent" for text in passages(example).values())


def test_a_question_over_two_pages_shows_both_and_cites_both(material: Maker) -> None:
    spans = (("a.md", "The mill is from 1500."), ("b.md", "The inn is from 1600."))
    asked = Pair("two", "When are the mill and the inn from?", ("1500 and 1600",), ("a.md", "b.md"), spans, language="en")
    both = (source("a.md", "The mill is from 1500. It turns."), source("x.md", "No."), source("b.md", "An inn. The inn is from 1600."))

    def found(_: Pair) -> Context:
        return Context("", "", both)

    for seed in range(5):
        [example] = make(material([asked], found=found, style="full", seed=seed, absent=0.0)).examples
        numbers = {text: number for number, text in passages(example).items()}
        assert f"The mill is from 1500. [{numbers[both[0].text]}]" in example.target
        assert f"The inn is from 1600. [{numbers[both[2].text]}]" in example.target
    too_few = make(material([asked], found=found, passages=1, absent=0.0))
    assert not too_few.examples and "more than 1 passages" in next(iter(too_few.report.skipped))
    assert not make(material([asked], found=lambda _: Context("", "", both[:2]), absent=0.0)).examples


def test_earlier_turns_are_in_the_prompt_as_they_are_served(material: Maker) -> None:
    from rag.types import Message

    asked = pair(1, history=(Message("user", "Do you know Basalt?"), Message("assistant", "Yes.")))
    [example] = make(material([asked], absent=0.0)).examples
    assert [message.content for message in example.messages[1:3]] == ["Do you know Basalt?", "Yes."]


def test_both_styles_are_half_and_half(material: Maker) -> None:
    styles = make(material(pairs_of(400), style="both")).report.styles
    assert sum(styles.values()) == 400 and 160 <= styles["short"] <= 240


def test_closed_book_asks_as_the_arm_without_retrieval(material: Maker) -> None:
    made = make(material(pairs_of(5, 3), recipe="closed-book", style="short"))
    assert made.report.kinds == {"closed-book": 5} and made.report.skipped == {"closed-book: not answerable": 3}
    for example in made.examples:
        asked = pair(int(example.pair[-4:]))
        assert example.messages == tuple(build_messages(asked.question, style="short"))
        assert example.target == asked.answers[0]


def test_joined_recipes_share_the_examples(material: Maker) -> None:
    made = make(material(pairs_of(50), recipe="context+closed-book", examples=21, absent=0.0))
    assert made.report.kinds == {"gold": 11, "closed-book": 10}
    assert len({example.id for example in made.examples}) == 21


def test_an_unknown_recipe_names_the_known_ones(material: Maker) -> None:
    with pytest.raises(UserError, match="closed-book, context, synthetic, text"):
        make(material(pairs_of(1), recipe="context+magic"))
