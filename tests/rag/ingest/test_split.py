"""Laws of chunks: exact slices, all of the text, never too large, cut along the structure."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rag.embed.hashing import WordCounter
from rag.ingest import markdown
from rag.ingest.split import split
from rag.models.folder import ModelFolder
from rag.models.tokenizer import Tokenizer
from rag.settings import Ingest
from rag.types import Chunk, Document

SENTENCE = "The adapter number {} holds few weights and is stored in a small file. "


class Characters:
    """The hardest tokenizer: every character is a token, blanks too."""

    def count(self, text: str) -> int:
        return len(text)

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(place, place + 1) for place in range(len(text))]


def markdown_document(text: str, **fields: str) -> Document:
    found = markdown.read(text)
    return Document("a.md", found.text, fields.get("title", found.title), media=fields.get("media", "md"), headings=found.headings)


def check(document: Document, chunks: list[Chunk], counter: WordCounter | Characters | Tokenizer, limit: int) -> None:
    covered: set[int] = set()
    for chunk in chunks:
        assert document.text[chunk.start : chunk.end] == chunk.text == chunk.text.strip() != ""
        assert counter.count(chunk.embedded_text) <= limit or len(chunk.text) == 1
        covered.update(range(chunk.start, chunk.end))
    assert all(place in covered for place, character in enumerate(document.text) if not character.isspace())
    assert [chunk.start for chunk in chunks] == sorted({chunk.start for chunk in chunks})
    assert [chunk.end for chunk in chunks] == sorted({chunk.end for chunk in chunks})


LINES = st.sampled_from(
    [
        "# Top",
        "## Part {}",
        "### Deeper",
        "Underlined\n----",
        "A sentence. " * 4,
        "Same. " * 30,
        "слово " * 25,
        "- item one\n- item two",
        "1. first\n2. second",
        "| a | b |\n|---|---|\n" + "| cell | other cell |\n" * 6,
        "```python\n" + "value = compute(1, 2)\n" * 8 + "```",
        "~~~",
        "x" * 90,
        "検索は質問に答えるのに役立ちます。" * 4,
        "👩‍👩‍👧" * 9,
        "",
        "   ",
    ]
)


@hypothesis_settings(deadline=None, max_examples=60)
@given(st.lists(LINES, max_size=14), st.integers(16, 80), st.integers(0, 40), st.sampled_from(["md", "code", "csv", "pdf"]))
def test_chunks_are_slices_that_cover_the_text_and_keep_the_limit(lines: list[str], limit: int, overlap: int, media: str) -> None:
    document = markdown_document(
        "\n\n".join(line.replace("{}", str(n)) for n, line in enumerate(lines)), media=media, title="A title of some words"
    )
    for counter in (WordCounter(), Characters()):
        chunks = split(document, counter, Ingest(chunk_tokens=limit, overlap_tokens=overlap))
        check(document, chunks, counter, limit)
        assert chunks == split(document, counter, Ingest(chunk_tokens=limit, overlap_tokens=overlap))


@hypothesis_settings(deadline=None, max_examples=150)
@given(st.text(max_size=400), st.integers(16, 40))
def test_any_text_keeps_the_laws(text: str, limit: int) -> None:
    document = markdown_document(text)
    check(document, split(document, WordCounter(), Ingest(chunk_tokens=limit)), WordCounter(), limit)


@pytest.fixture(scope="module")
def real_counters(e5: ModelFolder, smollm2: ModelFolder) -> list[Tokenizer]:
    return [Tokenizer(e5.path), Tokenizer(smollm2.path)]


@pytest.mark.model
@hypothesis_settings(deadline=None, max_examples=60)
@given(text=st.lists(LINES, max_size=14).map("\n\n".join) | st.text(max_size=1500), limit=st.integers(16, 120))
def test_the_laws_hold_with_a_real_tokenizer(real_counters: list[Tokenizer], text: str, limit: int) -> None:
    document = markdown_document(text)
    for counter in real_counters:
        check(document, split(document, counter, Ingest(chunk_tokens=limit)), counter, limit)


def test_repeated_sentences_keep_their_own_offsets(counter: WordCounter) -> None:
    document = markdown_document("The same again. " * 100)
    chunks = split(document, counter, Ingest(chunk_tokens=40, overlap_tokens=0))
    assert all(after.start == before.end + 1 for before, after in itertools.pairwise(chunks))


def test_a_document_that_fits_is_one_chunk(counter: WordCounter) -> None:
    document = markdown_document("# Title\n\n" + SENTENCE.format(1) + "\n\n## Part\n\n" + SENTENCE.format(2))
    (chunk,) = split(document, counter, Ingest(chunk_tokens=60))
    assert chunk.header == "" and chunk.metadata["title"] == "Title"


def test_a_blank_document_has_no_chunks(counter: WordCounter) -> None:
    assert split(Document("a.txt", " \n "), counter, Ingest()) == []


def test_the_header_has_title_and_headings_that_the_chunk_does_not_show(counter: WordCounter) -> None:
    body = "".join(SENTENCE.format(n) for n in range(8)) + "\n\n### Deep\n\n" + SENTENCE.format(9) * 3
    sections = "".join(f"## Part {part}\n\n{body}\n\n" for part in "AB")
    document = markdown_document("# Title\n\n" + SENTENCE.format(0) * 3 + "\n\n" + sections)
    for chunk in split(document, counter, Ingest(chunk_tokens=80)):
        part = document.text[: chunk.start + 1].count("## Part A") + document.text[: chunk.start + 1].count("## Part B")
        expected = {"# Ti": "", "## P": "Title", "### ": f"Title > Part {'?AB'[part]}"}.get(chunk.text[:4])
        assert expected is None or chunk.header == expected
        assert expected is not None or (chunk.header.startswith("Title") and not chunk.text.startswith("#"))
        assert chunk.metadata["section"].startswith("Title")


def test_sections_are_not_mixed_but_tiny_ones_are_not_left_alone(counter: WordCounter) -> None:
    section = "".join(SENTENCE.format(n) for n in range(4))
    text = f"# Title\n\n## One\n\n{section}\n\n## Two\n\n{section}\n\n## Tiny\n\nNo.\n\n## Small\n\nYes.\n\n## Three\n\n{section}"
    chunks = split(markdown_document(text), counter, Ingest(chunk_tokens=100))
    assert not any("## One" in chunk.text and "## Two" in chunk.text for chunk in chunks)
    assert all(counter.count(chunk.text) >= 20 for chunk in chunks)
    assert chunks[0].text.startswith("# Title\n\n## One")


def test_a_heading_is_not_left_at_the_end_of_a_chunk(counter: WordCounter) -> None:
    text = "".join(f"## Part {n}\n\n" + "".join(SENTENCE.format(m) for m in range(3 + n)) + "\n\n" for n in range(9))
    for chunk in split(markdown_document(text), counter, Ingest(chunk_tokens=70)):
        assert not chunk.text.splitlines()[-1].startswith("#")


def test_a_table_that_fits_stays_whole_and_a_long_one_is_cut_at_rows_with_its_columns_named(counter: WordCounter) -> None:
    table = "| Method | Memory |\n|---|---|\n"
    small, large = table + "| LoRA | 9 GB |\n" * 3, table + "".join(f"| method {n} | {n} GB |\n" for n in range(60))
    prose = "".join(SENTENCE.format(n) for n in range(5))
    chunks = split(markdown_document(f"# T\n\n{prose}\n\n{small}\n\n{prose}\n\n{large}"), counter, Ingest(chunk_tokens=120))
    assert any(small.strip() in chunk.text for chunk in chunks)
    later = [chunk for chunk in chunks if chunk.text.startswith("| method")]
    assert later and all(chunk.header == "T\n| Method | Memory |" for chunk in later)
    assert all(line.startswith("|") and line.endswith("|") for chunk in later for line in chunk.text.splitlines())


def test_a_code_fence_that_fits_stays_whole(counter: WordCounter) -> None:
    fence = "```python\n# not a heading\n\nx = 1\n" + "y = f(x)\n" * 6 + "```"
    prose = "".join(SENTENCE.format(n) for n in range(7))
    chunks = split(markdown_document(f"{prose}\n\n{fence}\n\n{prose}"), counter, Ingest(chunk_tokens=90))
    assert any(fence in chunk.text for chunk in chunks)


def test_neighbours_share_whole_sentences_inside_a_section_only(counter: WordCounter) -> None:
    prose = "".join(SENTENCE.format(n) for n in range(20))
    chunks = split(markdown_document(f"# One\n\n{prose}\n\n# Two\n\n{prose}"), counter, Ingest(chunk_tokens=100, overlap_tokens=20))
    shared = [(before, after) for before, after in itertools.pairwise(chunks) if after.start < before.end]
    assert len(shared) >= 4
    for before, after in shared:
        assert after.text.startswith("The adapter number") and before.metadata["section"] == after.metadata["section"]
        assert counter.count(after.text[: before.end - after.start]) <= 20


def test_chunks_end_at_sentences_where_they_can(counter: WordCounter) -> None:
    text = "Dr. Smith met J. R. Brown, i.e. the author. " * 3 + "".join(SENTENCE.format(n) for n in range(12))
    chunks = split(markdown_document(text), counter, Ingest(chunk_tokens=60))
    assert len(chunks) > 2 and all(chunk.text.endswith(("file.", "author.")) for chunk in chunks)


def test_a_header_never_takes_more_than_a_third(counter: WordCounter) -> None:
    document = Document("a.txt", "word " * 200, title="a very long title " * 30)
    for chunk in split(document, counter, Ingest(chunk_tokens=48)):
        assert 0 < counter.count(chunk.header) <= 16


def test_a_huge_line_is_cut_in_bounded_time(counter: WordCounter) -> None:
    document = Document("a.txt", "word" * 100_000 + " " + "word " * 50_000)
    check(document, split(document, counter, Ingest(chunk_tokens=220)), counter, 220)
