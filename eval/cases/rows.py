"""The file formats of QA pairs, each turned into the rows of the JSONL format with the place they stand at."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BAR = re.compile(r"(?<!\\)\|")
DELIMITERS = ",;\t"
LISTS = ("answers", "docs", "tags")
ANSWERABLE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Row:
    """One question as the JSONL format has it, and where it stands: a line number, or a place in a JSON file.

    `paragraph`: the SQuAD paragraph that the question is about; the corpus says in which document it stands.
    """

    place: str
    values: Any
    paragraph: str = ""
    spans: tuple[str, ...] = ()


class Unreadable(Exception):
    """A part of a file that is not what its format asks for: (place, what)."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}" if place else what)
        self.place, self.what = place, what


Rows = Iterator["Row | Unreadable"]


def rows_of(name: str, text: str) -> Rows:
    """The rows of a file's text; the format follows from the name: .csv, .tsv, .json (SQuAD), anything else is JSONL."""
    reader: Callable[[str], Rows] = jsonl
    if name.lower().endswith((".csv", ".tsv")):
        reader = table
    elif name.lower().endswith(".json"):
        reader = squad
    return reader(text)


def jsonl(text: str) -> Rows:
    """One JSON object a line."""
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines(): JSON strings may hold U+2028
        if not line.strip():
            continue
        try:
            yield Row(str(number), json.loads(line))
        except ValueError as exc:
            yield Unreadable(str(number), f"not JSON ({exc})")


def table(text: str) -> Rows:
    r"""CSV with a header: `question`, and any of answers, docs, tags (several are separated by |, a real bar is \|), span, id,
    answerable, lang, kind. `span`: the words of the first document that hold the answer. The delimiter is , ; or a tab.
    """
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    if "question" not in names:
        yield Unreadable("1", f"no column `question`; there are: {', '.join(names) or 'none'}")
        return
    reader.fieldnames = names
    begins = 2
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            yield Unreadable(str(begins), f"not CSV ({exc})")
            return
        if None in record:
            yield Unreadable(str(begins), f"more fields than the {len(names)} columns")
        else:
            yield _from_record(str(begins), record)
        begins = reader.line_num + 1


def _from_record(place: str, record: Mapping[str, str | None]) -> Row | Unreadable:
    values: dict[str, Any] = {key: (value or "").strip() for key, value in record.items() if key}
    for key in LISTS:
        if key in values:
            parts = [part.replace("\\|", "|").strip() for part in BAR.split(values[key])]
            values[key] = [part for part in parts if part]
    said = values.pop("answerable", "").lower()
    if said and said not in ANSWERABLE:
        return Unreadable(place, f"`answerable` must be true or false, not {said!r}")
    if said:
        values["answerable"] = ANSWERABLE[said]
    if span := values.pop("span", ""):
        if not values.get("docs"):
            return Unreadable(place, "`span` needs a document in `docs`")
        values["gold"] = [{"doc": values["docs"][0], "span": span}]
    return Row(place, {key: value for key, value in values.items() if value not in ("", [])})


def squad(text: str) -> Rows:
    """SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018): data / paragraphs / qas; the context becomes `Row.paragraph`."""
    try:
        whole = json.loads(text)
        articles = whole["data"]
        paragraphs = [
            (f"data[{a}].paragraphs[{p}]", paragraph)
            for a, article in enumerate(articles)
            for p, paragraph in enumerate(article["paragraphs"])
        ]
    except (ValueError, TypeError, KeyError) as exc:
        yield Unreadable("", f"not the SQuAD format ({type(exc).__name__}: {exc}); one question a line is .jsonl")
        return
    for place, paragraph in paragraphs:
        try:
            yield from [_from_squad(f"{place}.qas[{number}]", paragraph["context"], asked) for number, asked in enumerate(paragraph["qas"])]
        except (TypeError, KeyError) as exc:
            yield Unreadable(place, f"not a SQuAD paragraph ({type(exc).__name__}: {exc})")


def _from_squad(place: str, context: str, asked: Mapping[str, Any]) -> Row:
    """Raises KeyError or TypeError when something is missing."""
    answers = [] if asked.get("is_impossible") else list(dict.fromkeys(answer["text"] for answer in asked["answers"]))
    spans = tuple(dict.fromkeys(context[slice(*_sentence(context, answer))] for answer in asked["answers"])) if answers else ()
    values = {"id": asked.get("id"), "question": asked["question"], "answers": answers, "answerable": bool(answers)}
    values["lang"] = asked.get("lang") or asked.get("language")
    return Row(place, values, context, spans)


def _sentence(context: str, answer: Mapping[str, Any]) -> tuple[int, int]:
    """The line of the paragraph's sentence that holds the answer: what a reader needs to see to give it."""
    start = int(answer["answer_start"])
    before = max(context.rfind(mark, 0, start) for mark in (". ", "! ", "? ", "\n"))
    ends = [at for mark in (". ", "! ", "? ", "\n") if (at := context.find(mark, start + len(answer["text"]))) >= 0]
    return (0 if before < 0 else before + 1), (min(ends) + 1 if ends else len(context))
