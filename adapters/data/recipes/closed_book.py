"""Recipe `closed-book`: the question without passages, as the arm `lora` asks it, and the answer."""

from __future__ import annotations

from collections import Counter

from adapters.data.matching import says, words
from adapters.data.recipes.recipe import Material, in_drawn_order, language_of, style_of
from adapters.data.report import Made, made
from adapters.data.target import LONGEST, clean, sentence
from adapters.example import Example
from rag.context.citations import refuses
from rag.context.prompt import Style, prompt_language
from rag.qa import Pair
from rag.types import content_id


class ClosedBookRecipe:
    """Only answerable pairs: what is not in the documents, the model may know from elsewhere."""

    def make(self, material: Material, limit: int) -> Made:
        """Examples of kind `closed-book`, in a drawn order."""
        rows: list[tuple[Example, str]] = []
        skipped: Counter[str] = Counter()
        for pair in in_drawn_order(material.pairs, material.settings.seed):
            if len(rows) >= limit:
                break
            style = style_of(pair, material.settings)
            target = closed_book_target(pair, style) if pair.answerable else ""
            if not target or refuses(target):
                skipped["the answer reads like a refusal" if target else "closed-book: not answerable"] += 1
                continue
            name = content_id("closed-book", pair.id, style)
            example = Example(name, material.prompt(pair, style, ()), target, "closed-book", language_of(pair), pair.id, pair.docs)
            rows.append((example, style))
        return made(rows, skipped)


def closed_book_target(pair: Pair, style: Style) -> str:
    """The first answer; style full: the gold span as a sentence, when it is known, says the answer and is in the same language."""
    if style == "full":
        for _, span in pair.gold:
            text = sentence(clean(span))
            fits = "|" not in span and len(words(text)) <= LONGEST and prompt_language(text) == prompt_language(pair.question)
            if fits and len(words(text)) > len(words(pair.answers[0])) and any(says(text, answer) for answer in pair.answers):
                return text if not refuses(text) else sentence(pair.answers[0])
        return sentence(pair.answers[0])
    return pair.answers[0]
