"""What the model should say: the accepted answer, one or two sentences of the passage with its number, or the refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from adapters.data.gold import LONG, Need
from adapters.data.matching import contains, says, support, words
from rag.context.citations import MARKER, refuses
from rag.context.prompt import Style, prompt_language
from rag.ingest.markdown import plain
from rag.ingest.sentences import sentences
from rag.qa import Pair
from rag.types import Source

REFUSAL = {"en": "I don't know.", "ru": "Не знаю."}
"""Known to `rag.context.citations.refuses`; the English and the Russian prompt ask for these very words."""
LONGEST = 60
"""Words of a quoted passage; a longer sentence gives way to the bare answer."""
BULLET = re.compile(r"\A\s*(?:[-*+•>]|\d{1,3}[.)]|#{1,6})\s+")
HEADING = re.compile(r" {0,3}#{1,6}\s")
PARAGRAPHS = re.compile(r"\n[ \t]*\n")
BRACKETS = (("(", ")"), ("[", "]"), ("«", "»"), ("“", "”"))
ABBREVIATED = re.compile(r"\b(?:al|e\.g|i\.e|cf|approx|т\. ?е|т\. ?д|англ|лат|нем|фр)\.\s*\Z")
TABLE = re.compile(r"^\s*\||\|\s*$|`{3}|~{3}", re.MULTILINE)


def refusal(question: str) -> str:
    """The one sentence that says "I don't know", in the language of the prompt."""
    return REFUSAL[prompt_language(question)]


def target_of(pair: Pair, gold: Mapping[Need, Source], style: Style) -> str:
    """What the model should say over these gold passages (numbered as in the prompt); "" when it would read like a refusal."""
    wanted = short_target(pair, list(gold.values())) if style == "short" else full_target(pair, gold)
    if refuses(wanted):  # the passage says, for example, "does not specify": the bare answer may do
        wanted = short_target(pair, list(gold.values())) if style == "short" else _bare(pair, gold)
    return "" if refuses(wanted) else wanted


def short_target(pair: Pair, gold: Sequence[Source] = ()) -> str:
    """The accepted answer that stands word for word in a gold passage, else the first."""
    found = next((answer for answer in pair.answers if any(contains(source.text, answer) for source in gold)), pair.answers[0])
    return " ".join(found.split()).rstrip(",;:") or found


def full_target(pair: Pair, gold: Mapping[Need, Source]) -> str:
    """Sentences of the gold passages that hold the answer, each passage's followed by its number: `It is 16. [2]`.

    An accepted answer that is prose itself is taken instead. Where no sentence can be quoted (a table, another language, too
    long) it is the bare answer with the numbers. Where the quotation does not say the answer (yes, no), the answer goes first.
    """
    answer = short_target(pair, list(gold.values()))
    numbers = sorted({source.number for source in gold.values()})
    if len(words(answer)) > LONG:
        return _bare(pair, gold)
    quoted: dict[int, dict[str, None]] = {number: {} for number in numbers}
    for need, source in gold.items():
        quoted[source.number][quotation(pair, source, need.span)] = None
    text = " ".join(f"{' '.join(quoted[number])} [{number}]" for number in numbers)
    if any("" in found for found in quoted.values()) or len(words(text)) > LONGEST + len(numbers):
        return _bare(pair, gold)
    return text if any(says(text, accepted) for accepted in pair.answers) else f"{sentence(answer)} {text}"


def quotation(pair: Pair, source: Source, span: str) -> str:
    """The sentence of the passage, or two in a row, that hold the span (or the answer), without markup; "" when none fits.

    Among several with the answer, the one closest to the question's words.
    """
    paragraphs = [_sentences(paragraph) for paragraph in PARAGRAPHS.split(source.text)]
    single = [part for parts in paragraphs for part in parts]
    double = [first + second for parts in paragraphs for first, second in pairwise(parts)]
    for windows in (single, double):
        held = [window for window in windows if _holds(window, span, pair) and _quotable(window)]
        held = [window for window in held if prompt_language(clean(window)) == prompt_language(pair.question)]
        if held:
            return sentence(clean(max(held, key=lambda window: support(pair.question, clean(window)))))
    return ""


def clean(text: str) -> str:
    """Without markdown marks and without numbers in brackets, which would read as citations."""
    return " ".join(MARKER.sub("", plain(BULLET.sub("", text))).replace("**", "").split()).strip("#> ")


def sentence(text: str) -> str:
    """With a capital letter and a full stop; an empty text stays empty."""
    text = text.strip()
    first = text.split(maxsplit=1)[0].rstrip(",;:.") if text else ""
    ordinary = first.isalpha() and first.islower()  # `lora_alpha` and `vLLM` stay as they are
    capital = text[:1].upper() + text[1:] if ordinary else text
    return capital if not text or capital[-1:] in '.!?…»"”)' else f"{capital.rstrip(',;:')}."


def _bare(pair: Pair, gold: Mapping[Need, Source]) -> str:
    """The accepted answer and the numbers of its passages."""
    answer = " ".join(MARKER.sub("", short_target(pair, list(gold.values()))).split())
    markers = "".join(f"[{number}]" for number in sorted({source.number for source in gold.values()}))
    return f"{sentence(answer)} {markers}"


def _holds(window: str, span: str, pair: Pair) -> bool:
    if span:
        return contains(window, span)
    return any(says(window, answer) for answer in pair.answers)


def _quotable(window: str) -> bool:
    """Prose of no more than LONGEST words, whole."""
    return not _open(window) and not TABLE.search(window) and 0 < len(words(clean(window))) <= LONGEST


def _sentences(paragraph: str) -> list[str]:
    """Without headings, and whole: what was cut inside brackets or behind `et al.` is joined again."""
    found: list[str] = []
    for part in sentences("\n".join(line for line in paragraph.split("\n") if not HEADING.match(line))):
        if found and (_open(found[-1]) or ABBREVIATED.search(found[-1])):
            found[-1] += part
        else:
            found.append(part)
    return found


def _open(text: str) -> bool:
    return any(text.count(opening) > text.count(closing) for opening, closing in BRACKETS)
