"""The pages of the shipped corpus: complete front matter, the same page in both languages, links that resolve, arithmetic that holds."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable

import pytest

from rag.ingest.files import walk
from tests.corpora.atlas import CORPUS, LANGUAGES, Page, pages

FIELDS = ["id", "title", "lang", "group", "tags", "sources"]
PAGES = pages()
PARALLEL = sorted(page.name for page in PAGES.values() if page.language == "en" and "only" not in page.front)
ARITHMETIC: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def compute(node: ast.AST) -> float:
    """The value of an expression of numbers, + - * / **, round(x) and round(x, n). Raises ValueError for anything else."""
    match node:
        case ast.Expression(body=body):
            return compute(body)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -compute(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return ARITHMETIC[type(op)](compute(left), compute(right))
        case ast.Call(func=ast.Name(id="round"), args=[value, *digits], keywords=[]) if len(digits) < 2:
            return round(compute(value), int(compute(digits[0])) if digits else 0)
    raise ValueError(f"not arithmetic: {ast.unparse(node)}")


def holds(calculation: str) -> bool:
    """Whether `expression = number` is true to the last digit that is stated, or to three significant digits."""
    left, _, right = calculation.rpartition("=")
    value, stated = compute(ast.parse(left.strip(), mode="eval")), float(right)
    decimals = len(right.strip().partition(".")[2])
    return math.isclose(value, stated) or stated in (round(value, decimals), float(f"{value:.3g}"))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_is_complete_and_well_formed(page: Page) -> None:
    front = page.front
    assert [key for key in front if key != "only"] == FIELDS
    assert (front["id"], front["lang"], front["title"]) == (page.name, page.language, page.headings[0])
    assert front["tags"] and all(isinstance(tag, str) for tag in front["tags"])
    assert front["sources"] and all(isinstance(source, str) and len(source) > 10 for source in front["sources"])
    levels = [part for part in page.structure if re.fullmatch(r"h\d", part)]
    assert levels[0] == "h1" and levels.count("h1") == 1 and set(levels) <= {"h1", "h2", "h3"}
    assert 3 <= levels.count("h2") <= 8
    assert 400 <= len(page.body.split()) <= 1200
    assert not any(token.type in ("html_block", "code_block") for token in page.tokens)
    assert page.body.count("```") % 2 == 0


@pytest.mark.parametrize("name", PARALLEL)
def test_both_languages_have_the_same_structure_sources_and_numbers(name: str) -> None:
    english, russian = PAGES[f"en/{name}.md"], PAGES[f"ru/{name}.md"]
    assert english.structure == russian.structure
    assert english.numbers == russian.numbers
    assert english.calculations == russian.calculations
    assert sorted(english.links) == sorted(russian.links)
    for field in ("id", "group", "tags", "sources"):
        assert english.front[field] == russian.front[field], field


def test_a_page_of_one_language_says_so_and_the_others_exist_in_both() -> None:
    names = {language: {page.name for page in PAGES.values() if page.language == language} for language in LANGUAGES}
    alone = {page.path: page.language for page in PAGES.values() if sum(page.name in found for found in names.values()) == 1}
    assert alone == {page.path: page.front["only"] for page in PAGES.values() if "only" in page.front}
    assert len(PARALLEL) >= 50


def test_links_lead_to_pages_of_the_same_language() -> None:
    links = [(page.path, link) for page in PAGES.values() for link in page.links]
    assert not [(path, link) for path, link in links if f"{path[:2]}/{link}" not in PAGES]


def test_a_page_is_written_in_its_language() -> None:
    for page in PAGES.values():
        prose = re.sub(r"`[^`]*`|```.*?```", "", page.body, flags=re.DOTALL)
        cyrillic, latin = len(re.findall("[а-яё]", prose)), len(re.findall("[a-z]", prose))
        assert cyrillic > latin if page.language == "ru" else cyrillic < latin / 5, page.path


def test_every_stated_calculation_is_right() -> None:
    calculations = [(page.path, line) for page in PAGES.values() for line in page.calculations]
    assert len(calculations) > 100
    assert not [(path, line) for path, line in calculations if not holds(line)]


def test_a_wrong_calculation_or_anything_but_arithmetic_is_noticed() -> None:
    assert holds("round(2 / 3, 2) = 0.67") and holds("10 ** 10 / 3 = 3330000000") and holds("8000 / 2.4 = 3333")
    assert not holds("2 + 2 = 5") and not holds("1000 * 3 = 3010") and not holds("2 / 3 = 0.66")
    with pytest.raises(ValueError):
        holds("__import__('os') = 1")


def test_only_the_pages_are_indexed() -> None:
    assert sorted(walk(CORPUS).paths) == sorted(PAGES)
