"""Which pieces of a document make a chunk together: the division with the least cost, found by dynamic programming.

Every chunk costs something, so there are few; a slack one costs more, so they are even; mixing sections, cutting inside
a paragraph and leaving a heading alone cost most. A section too small to stand alone is cheaper with its neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PER_CHUNK = 1.0
SLACK = 0.5  # for an empty chunk; grows with the square of what is left free
TINY = 3.0  # for a chunk of no tokens; falls to 0 at TINY_SHARE of the limit
TINY_SHARE = 0.25
MIX_CHILD = 1.0  # a section and its first subsection in one chunk
MIX = 2.0  # two sections that only follow each other
CUT_HEADING = 4.0  # between a heading and what stands below it
CUT_BLOCK = 0.2  # between paragraphs of a section
CUT_SENTENCE = 0.5  # between sentences, rows of a table, parts of a definition
CUT_INSIDE = 1.2  # inside a sentence or between lines of code
NO_OVERLAP = 0.3  # a chunk so full that it cannot repeat the end of the one before


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to pack. Sizes are tokens, measured as if the document were one row of tokens.

    `begin`, `end`: its place in that row. `header`: tokens of the header of a chunk that begins here.
    `reserve`: room wanted for an overlap with the chunk before. `cut`, `mix`: costs (above) of beginning a chunk here,
    and of not doing so.
    """

    begin: int
    end: int
    header: int = 0
    reserve: int = 0
    cut: float = 0.0
    mix: float = 0.0


def pack(pieces: Sequence[Piece], limit: int) -> list[tuple[int, int]]:
    """Consecutive ranges [first, last] of pieces, none larger than `limit` tokens unless it is one piece alone."""
    cost = [0.0] + [float("inf")] * len(pieces)
    came = [0] * (len(pieces) + 1)
    for first, piece in enumerate(pieces):
        mixed = 0.0
        for last in range(first, len(pieces)):
            inside = pieces[last].end - piece.begin
            size = piece.header + inside
            if last > first:
                mixed += pieces[last].mix
                if size > limit:
                    break
            mixed_here = mixed + (NO_OVERLAP if size + piece.reserve > limit else 0.0)
            total = cost[first] + PER_CHUNK + (piece.cut if first else 0.0) + mixed_here
            total += SLACK * max(0.0, 1 - size / limit) ** 2 + TINY * max(0.0, 1 - inside / (TINY_SHARE * limit))
            if total < cost[last + 1]:
                cost[last + 1], came[last + 1] = total, first
    ranges = []
    end = len(pieces)
    while end:
        ranges.append((came[end], end - 1))
        end = came[end]
    return ranges[::-1]
