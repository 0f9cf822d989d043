"""A map of the corpus: the chunks' vectors on the two axes along which they differ most (principal components, Pearson 1901)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ui.pages.corpus.markup import safe, table
from ui.plain import one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.index.opened import Index
    from rag.types import Chunk
    from ui.pages.corpus.text import Words

MOST, SEED = 3000, 0
GROUPS = 8
WIDTH, HEIGHT, EDGE = 640, 480, 16
SHAPES = (
    "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0", "M-2.7-2.7h5.4v5.4h-5.4z", "M0-3.6L3.3 2.5H-3.3z", "M0-3.8L3.8 0L0 3.8L-3.8 0z",
    "M-3.2-1h2.2v-2.2h2v2.2h2.2v2h-2.2v2.2h-2v-2.2h-2.2z", "M0 3.6L3.3-2.5H-3.3z", "M-3.4-1.2h6.8v2.4h-6.8z", "M-1.2-3.4h2.4v6.8h-2.4z",
)  # fmt: skip
"""One a group, so that they differ in black and white, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`points`: (n, 2), in units of the picture; `groups`: of each point; `names`: of the groups, the largest first.

    `place` takes unit vectors to the picture. `variance`: the share that the two axes hold. `by_folder`: else by language.
    """

    points: NDArray[np.float64]
    groups: Sequence[int]
    names: Sequence[str]
    titles: Sequence[str]
    variance: float
    total: int
    by_folder: bool
    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    low: NDArray[np.float64]
    scale: NDArray[np.float64]

    def place(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, dimension) -> (n, 2); what lies outside is brought to the edge."""
        flat = (np.asarray(vectors, dtype=np.float64) - self.mean) @ self.axes.T
        inside = EDGE + (flat - self.low) * self.scale
        placed: NDArray[np.float64] = np.clip(inside, 4, [WIDTH - 4, HEIGHT - 4])
        return placed


def plan(index: Index, *, most: int = MOST, seed: int = SEED) -> Plan:
    """The map of an index: the same for the same version."""
    chunks, vectors = index.sample(most, seed)
    mean, axes, variance = components(vectors.astype(np.float64))
    flat = (vectors - mean) @ axes.T
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = np.array([WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE], dtype=np.float64)
    spread = np.where(high > low, high - low, 1.0)
    names, groups, by_folder = _groups(chunks)
    titles = [one_line(f"{chunk.path} · {chunk.header.splitlines()[0]}" if chunk.header else chunk.path, 90) for chunk in chunks]
    return Plan(
        points=EDGE + (flat - low) * (room / spread), groups=groups, names=names, titles=titles, variance=variance, total=len(index),
        by_folder=by_folder, mean=mean, axes=axes, low=low, scale=room / spread,
    )  # fmt: skip


def components(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(mean, the first two axes as rows, the share of the variance that they hold). An axis' largest part is made > 0."""
    mean = vectors.mean(axis=0)
    values, found = np.linalg.eigh((vectors - mean).T @ (vectors - mean))
    axes = found[:, ::-1][:, :2].T
    axes = np.vstack([axes, np.zeros((2 - len(axes), vectors.shape[1]))])
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    total = float(values.clip(min=0).sum())
    return mean, axes * np.where(signs == 0, 1, signs)[:, None], float(values[-2:].clip(min=0).sum()) / total if total > 0 else 0.0


def _groups(chunks: Sequence[Chunk]) -> tuple[list[str], list[int], bool]:
    """By top folder where there are several, else by language; beyond GROUPS the smallest are one group with the name ""."""
    folders = [chunk.path.split("/")[0] if "/" in chunk.path else "/" for chunk in chunks]
    by_folder = len(set(folders)) > 1
    of = folders if by_folder else [chunk.language for chunk in chunks]
    counted = [name for name, _ in sorted(Counter(of).items(), key=lambda pair: (-pair[1], pair[0]))]
    names = counted if len(counted) <= GROUPS else [*counted[: GROUPS - 1], ""]
    numbers = {name: min(number, GROUPS - 1) for number, name in enumerate(counted)}
    return names, [numbers[name] for name in of], by_folder


def drawn(made: Plan, words: Words, *, question: NDArray[np.float32] | None = None, found: NDArray[np.float32] | None = None) -> str:
    """The figure: marks of chunks, then the hits with their ranks and the question, larger; and the groups as a table."""
    names = [_named(name, made, words) for name in made.names]
    defs = "".join(f'<path id="map-g{number}" d="{SHAPES[number]}"/>' for number in range(len(names)))
    marks = "".join(
        f'<use href="#map-g{group}" class="g{group}" x="{x:.0f}" y="{y:.0f}"><title>{escape(title)}</title></use>'
        for (x, y), group, title in zip(made.points, made.groups, made.titles, strict=True)
    )
    over = _hits(made, found, words) + _question(made, question, words)
    legend = "".join(
        f'<li><svg viewBox="-6 -6 12 12" aria-hidden="true"><path class="g{number}" d="{SHAPES[number]}"/></svg>{safe(name)}</li>'
        for number, name in enumerate(names)
    )
    told = [words.map_about, words.map_variance.format(words.number(100 * made.variance))]
    told += [words.map_sampled.format(words.number(len(made.points)), words.number(made.total))] if len(made.points) < made.total else []
    return (
        f'<figure class="map"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="map-title map-desc">'
        f'<title id="map-title">{safe(words.map)}</title><desc id="map-desc">{safe(" ".join(told))}</desc><defs>{defs}</defs>'
        f'<g class="all">{marks}</g>{over}</svg>'
        f'<ul class="legend">{legend}</ul><figcaption class="soft">{safe(" ".join(told))}</figcaption>{_table(made, names, words)}</figure>'
    )


def _named(name: str, made: Plan, words: Words) -> str:
    if not name:
        return words.other_groups
    return (words.top_level if name == "/" else f"{name}/") if made.by_folder else words.language(name)


def _hits(made: Plan, found: NDArray[np.float32] | None, words: Words) -> str:
    if found is None or not len(found):
        return ""
    return "".join(
        f'<g class="hit" transform="translate({x:.1f} {y:.1f})"><title>{safe(words.map_hit.format(rank))}</title>'
        f'<circle r="9"/><text text-anchor="middle" dy="4">{rank}</text></g>'
        for rank, (x, y) in reversed(list(enumerate(made.place(found), 1)))
    )


def _question(made: Plan, question: NDArray[np.float32] | None, words: Words) -> str:
    if question is None:
        return ""
    ((x, y),) = made.place(question[None, :])
    left = x > WIDTH * 0.7
    return (
        f'<g class="asked" transform="translate({x:.1f} {y:.1f})"><path d="M0-13L13 0L0 13L-13 0z"/>'
        f'<text text-anchor="middle" dy="5">?</text>'
        f'<text class="label" x="{-18 if left else 18}" dy="5" text-anchor="{"end" if left else "start"}">'
        f"{safe(words.map_question)}</text></g>"
    )


def _table(made: Plan, names: Sequence[str], words: Words) -> str:
    counts = Counter(made.groups)
    share = [f"{words.number(100 * counts[number] / len(made.groups))} %" for number in range(len(names))]
    rows = [[safe(name), words.number(counts[number]), share[number]] for number, name in enumerate(names)]
    shown = table(words.map_table, [words.group, words.columns["chunks"], words.share], rows)
    return f'<details id="map-table"><summary>{safe(words.map_table)}</summary>{shown}</details>'
