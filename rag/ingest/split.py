"""A document becomes chunks: exact slices of its text, cut along its structure, sized in the embedder's tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from rag.ingest.blocks import Block, blocks
from rag.ingest.outline import Outline
from rag.ingest.packing import CUT_BLOCK, CUT_HEADING, CUT_INSIDE, CUT_SENTENCE, MIX, MIX_CHILD, TINY_SHARE, Piece, pack
from rag.ingest.sentences import TokenCounter, pieces, sentences
from rag.settings import Ingest
from rag.types import Chunk, Document

__all__ = ["TokenCounter", "split"]

WINDOW = 100_000  # characters that are tokenised and packed at once: bounds the memory for a large document
HEADER_SHARE = 3  # a header takes at most a third of a chunk
MAX_METADATA = 200  # characters of a document's metadata value that is copied to its chunks
MAX_TOKEN = 16  # characters that a token is never longer than on average: a longer text is not tried as one chunk
SPARE = 2  # tokens: two texts set one below the other may count a little more than the sum


def split(document: Document, tokenizer: TokenCounter, settings: Ingest) -> list[Chunk]:
    """Chunks in the order of the text; together they hold all of it except blank space.

    A chunk with its header has at most `settings.chunk_tokens` tokens (only a single character of more tokens is
    larger). A document that fits is one chunk. Otherwise sections, paragraphs, tables and code fences stay whole where
    they fit; neighbours of one section share up to `overlap_tokens` (whole sentences).
    """
    start = len(document.text) - len(document.text.lstrip())
    end = len(document.text.rstrip())
    if start >= end:
        return []
    splitter = _Splitter(document, tokenizer, settings)
    if document.media != "csv" and end - start <= settings.chunk_tokens * MAX_TOKEN and splitter.fits(start, end):
        return [splitter.chunk(start, end)]
    return [chunk for window in splitter.windows() for chunk in splitter.chunks(window)]


@dataclass(frozen=True, slots=True)
class _Atom:
    """A stretch of text that is not cut further; `cut` as in `packing.Piece`; `head`: the first line of the table it goes on with."""

    start: int
    end: int
    kind: str
    cut: float
    head: str = ""


class _Splitter:
    """One document on its way to chunks."""

    def __init__(self, document: Document, tokenizer: TokenCounter, settings: Ingest) -> None:
        self.document = document
        self.text = document.text
        self.tokenizer = tokenizer
        self.limit = settings.chunk_tokens
        self.overlap = min(settings.overlap_tokens, settings.chunk_tokens // 4)
        self.outline = Outline(document, tokenizer, settings.chunk_tokens // HEADER_SHARE)
        self.metadata = {key: value for key, value in document.metadata.items() if len(value) <= MAX_METADATA}
        self.id = document.id
        self.counted: dict[str, int] = {"": 0}
        self.tokenized: tuple[int, int, list[int]] = (0, 0, [])

    def windows(self) -> Iterator[list[Block]]:
        """The blocks, in groups of about WINDOW characters."""
        group: list[Block] = []
        for block in blocks(self.document):
            if group and block.end - group[0].start > WINDOW and group[-1].kind != "heading":
                yield group
                group = []
            group.append(block)
        if group:
            yield group

    def chunks(self, window: list[Block]) -> Iterator[Chunk]:
        """Cut the blocks to atoms, pack the atoms, and give each chunk its overlap with the one before."""
        tokens = self.tokens(window[0].start, window[-1].end)
        atoms = [atom for number, block in enumerate(window) for atom in self.atoms(block, window[number - 1] if number else None, tokens)]
        for first, last in self.packed(atoms, tokens):
            start, end = atoms[first].start, atoms[last].end
            earlier = self.overlapping(atoms, first, end, tokens)
            if earlier < start and self.fits(earlier, end, known=tokens):
                yield self.chunk(earlier, end)
            elif self.fits(start, end, atoms[first].head, tokens):
                yield self.chunk(start, end, atoms[first].head)
            else:
                yield from self.crumbs(start, end)

    def packed(self, atoms: list[_Atom], tokens: list[int]) -> list[tuple[int, int]]:
        """Ranges of atoms. Next to a tiny chunk, whole paragraphs are cut into sentences (in place) and packed again."""
        ranges = self.pack(atoms, tokens)
        whole: set[int] = set()
        for number, (first, last) in enumerate(ranges):
            if _between(tokens, atoms[first].start, atoms[last].end) < self.limit * TINY_SHARE:
                for near_first, near_last in ranges[max(number - 1, 0) : number + 2]:
                    whole.update(position for position in range(near_first, near_last + 1) if atoms[position].kind == "text")
        if not whole or len(ranges) == 1:
            return ranges
        atoms[:] = [part for position, atom in enumerate(atoms) for part in (self.sentences(atom) if position in whole else [atom])]
        return self.pack(atoms, tokens)

    def pack(self, atoms: list[_Atom], tokens: list[int]) -> list[tuple[int, int]]:
        return pack([self.piece(atoms, number, tokens) for number in range(len(atoms))], self.limit - SPARE)

    def sentences(self, atom: _Atom) -> Iterator[_Atom]:
        start, cut = atom.start, atom.cut
        for sentence in sentences(self.text[atom.start : atom.end]):
            if sentence.strip():
                yield _Atom(start + len(sentence) - len(sentence.lstrip()), start + len(sentence.rstrip()), atom.kind, cut)
                cut = CUT_SENTENCE
            start += len(sentence)

    def atoms(self, block: Block, above: Block | None, tokens: list[int]) -> Iterator[_Atom]:
        """A block that fits into a chunk is one atom; else its rows, lines, or sentences are."""
        cut = self.cut(block, above)
        room = self.limit - SPARE - self.count(self.header(block.start, block.end))
        if _between(tokens, block.start, block.end) <= room:
            yield _Atom(block.start, block.end, block.kind, cut)
            return
        head = self.text[block.start : block.end].partition("\n")[0] if block.kind == "table" else ""
        start = block.start
        for part in self.parts(block, max(room // 2, 1), tokens):  # half: sizes are estimates, and smaller parts pack better
            words = part.strip()
            if words:
                at = start + len(part) - len(part.lstrip())
                yield _Atom(at, at + len(words), block.kind, cut, head if at > block.start + len(head) else "")
                cut = CUT_SENTENCE if _ends(block.kind, part) else CUT_INSIDE
            start += len(part)

    def cut(self, block: Block, above: Block | None) -> float:
        """What it costs to begin a chunk with this block: more when it goes on with a sentence ("for example:")."""
        if above is None or block.kind == "row":
            return CUT_BLOCK
        if above.kind == "heading":
            return CUT_HEADING
        open_end = above.kind == "text" and not _ends("text", self.text[max(above.start, above.end - 9) : above.end])
        return CUT_INSIDE if open_end or self.text[block.start].islower() else CUT_BLOCK

    def parts(self, block: Block, size: int, tokens: list[int]) -> Iterator[str]:
        """The text of a block in parts of about `size` tokens where it can be cut; joined they are the block."""
        text = self.text[block.start : block.end]
        characters = size * len(text) // _between(tokens, block.start, block.end)
        if block.kind not in ("table", "code"):
            yield from pieces(text, characters)
            return
        start = block.start
        for line in text.splitlines(keepends=True):
            if _between(tokens, start, start + len(line)) > size:
                yield from pieces(line, characters)
            else:
                yield line
            start += len(line)

    def piece(self, atoms: list[_Atom], number: int, tokens: list[int]) -> Piece:
        atom = atoms[number]
        before = atoms[number - 1] if number else None
        cut, mix = atom.cut, 0.0
        if before is not None:
            section, previous = self.outline.section(atom.start), self.outline.section(before.start)
            if section != previous and before.kind != "heading":
                cut, mix = 0.0, MIX_CHILD if self.outline.path(previous) == self.outline.path(section)[:-1] else MIX
            elif atom.kind == "row" and atom.cut == CUT_BLOCK:
                cut, mix = 0.0, MIX
        header = self.header(atom.start, atom.end, atom.head)
        reserve = self.overlap if before is not None and self.continues(before, atom) else 0
        return Piece(bisect_left(tokens, atom.start), bisect_left(tokens, atom.end), self.count(header), reserve, cut, mix)

    def continues(self, before: _Atom, atom: _Atom) -> bool:
        """Whether running text goes on from one atom to the next, so that a chunk may begin with the end of the other."""
        return before.kind == atom.kind == "text" and self.outline.section(before.start) == self.outline.section(atom.start)

    def overlapping(self, atoms: list[_Atom], first: int, end: int, tokens: list[int]) -> int:
        """Where a chunk [atoms[first].start, end) begins when it repeats the last sentences of the text before it."""
        start = atoms[first].start
        if not first or not self.overlap or not self.continues(atoms[first - 1], atoms[first]):
            return start
        earliest = first - 1
        while earliest and self.continues(atoms[earliest - 1], atoms[earliest]) and start - atoms[earliest - 1].start < 8 * self.overlap:
            earliest -= 1
        free = self.limit - self.count(self.header(start, end)) - _between(tokens, start, end) - SPARE
        words = self.text[atoms[earliest].start : start]
        for sentence in reversed(sentences(words)[1:]):  # never all of it: it may be the whole chunk before
            candidate = start - len(sentence)
            if _between(tokens, candidate, atoms[first].start) > min(self.overlap, free):
                break
            start = candidate
        return start + len(self.text[start:end]) - len(self.text[start:end].lstrip())

    def crumbs(self, start: int, end: int) -> Iterator[Chunk]:
        """For text of uneven density, or a tokenizer that counts a slice differently: cut again until every part fits."""
        size = end - start
        while True:
            size = max(size * 3 // 4, 1)
            places, at = [], start
            for part in pieces(self.text[start:end], size):
                if part.strip():
                    places.append((at + len(part) - len(part.lstrip()), at + len(part.rstrip())))
                at += len(part)
            if size == 1 or all(self.fits(*place) for place in places):
                yield from (self.chunk(*place) for place in places)
                return

    def header(self, start: int, end: int, head: str = "") -> str:
        """The outline above a chunk, and the names of the columns when it begins inside a table."""
        header = self.outline.header(start, end)
        with_table = f"{header}\n{head}" if header and head else header or head
        return with_table if head and self.count(with_table) <= self.limit // HEADER_SHARE else header

    def count(self, header: str) -> int:
        if header not in self.counted:
            self.counted[header] = self.tokenizer.count(header + "\n")
        return self.counted[header]

    def tokens(self, start: int, end: int) -> list[int]:
        """Where in the document the tokens of a stretch begin. The last answer is kept: a short document asks twice."""
        if self.tokenized[:2] != (start, end):
            self.tokenized = (start, end, sorted(start + at for at, _ in self.tokenizer.spans(self.text[start:end])))
        return self.tokenized[2]

    def fits(self, start: int, end: int, head: str = "", known: list[int] | None = None) -> bool:
        """Whether a chunk keeps the limit. A count from the tokens of the text around it (`known`) is trusted when it
        leaves a quarter free; else the chunk is counted as it will be embedded."""
        header = self.header(start, end, head)
        tokens = _between(self.tokens(start, end) if known is None else known, start, end) + self.count(header)
        if (known is None and not header) or tokens <= self.limit * (0.75 if known else 1) - SPARE:
            return tokens <= self.limit
        return self.tokenizer.count(f"{header}\n{self.text[start:end]}" if header else self.text[start:end]) <= self.limit

    def chunk(self, start: int, end: int, head: str = "") -> Chunk:
        pages = self.document.pages
        return Chunk(
            document_id=self.id,
            path=self.document.path,
            start=start,
            end=end,
            text=self.text[start:end],
            header=self.header(start, end, head),
            language=self.document.language,
            page=bisect_right(pages, start) if pages else None,
            metadata={**self.metadata, "title": self.document.title, "section": self.outline.words(start)},
        )


def _between(tokens: list[int], start: int, end: int) -> int:
    return bisect_left(tokens, end) - bisect_left(tokens, start)


def _ends(kind: str, part: str) -> bool:
    """Whether a part of a block ends where a reader would pause."""
    if kind == "table":
        return part.endswith("\n")
    if kind == "code":
        return not part.strip()
    return part.endswith("\n") or part.rstrip(" \"'»”’)]*_").endswith((".", "!", "?", "…", "。", "！", "？"))
