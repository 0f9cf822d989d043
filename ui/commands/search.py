"""`atlas search`: what a question finds, and the scores that say why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import UserError
from ui.chat.sources import section
from ui.console import err, out
from ui.plain import one_line
from ui.session import loaded

if TYPE_CHECKING:
    from rich.text import Text

    from rag.types import Hit

app = typer.Typer(help="Show what a question finds, and the scores that say why.")

SNIPPET = 280


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="What to search for, in any language of the documents.")],
    *,
    k: Annotated[int | None, typer.Option("-k", "--top-k", min=1, help="How many hits; default: retrieve.top_k.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only documents with that, as in language=ru or path='en/*'. Repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Show what a question finds, and the scores that say why: rank and score of each half, the fused score, the words in place.

    Exit code 0: found something; 1: nothing.
    """
    from rag.retrieve.retriever import open_retriever

    settings = loaded().settings
    found = open_retriever(settings).look_up(question, k=k or settings.retrieve.top_k, where=conditions(where or []))
    if as_json:
        out.print_json(json.dumps([row(hit, rank) for rank, hit in enumerate(found.hits, start=1)], ensure_ascii=False))
    else:
        for rank, hit in enumerate(found.hits, start=1):
            _show(question, hit, rank)
        repeats = f", {len(found.repeats)} near-repeats left out" if found.repeats else ""
        err.print(f"{len(found.hits)} hits in {len(found.index):,} chunks{repeats} (index version {found.index.version})", markup=False)
    if not found.hits:
        raise typer.Exit(1)


def conditions(pairs: list[str]) -> Mapping[str, list[str]]:
    """KEY=VALUE pairs by key; a key given twice takes either value. Raises UserError naming every pair that is none."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise UserError(f"--where {', '.join(wrong)}: not KEY=VALUE.", "As in --where language=ru.")
    by_key: dict[str, list[str]] = {}
    for key, _, value in (pair.partition("=") for pair in pairs):
        by_key.setdefault(key.strip(), []).append(value.strip())
    return by_key


def row(hit: Hit, rank: int) -> dict[str, Any]:
    """A hit for a program; `start` and `end` are characters of the document."""
    chunk = hit.chunk
    scores = {key: getattr(hit, key) for key in ("score", "dense", "dense_rank", "lexical", "lexical_rank", "rerank")}
    place = {key: getattr(chunk, key) for key in ("id", "path", "header", "page", "language", "start", "end", "text")}
    return {"rank": rank, **scores, **place}


def _show(question: str, hit: Hit, rank: int) -> None:
    chunk = hit.chunk
    title = section(chunk)
    page = f", page {chunk.page}" if chunk.page else ""
    out.print(f"{rank:>2}. {one_line(chunk.path)}{page}{' > ' + title if title else ''}", style="bold", markup=False)
    halves = [_half("dense", hit.dense, hit.dense_rank, 3), _half("BM25", hit.lexical, hit.lexical_rank, 2)]
    reranked = f"   reranker {hit.rerank:.3f}" if hit.rerank is not None else ""
    out.print(f"    score {hit.score:.4f}   {'   '.join(halves)}{reranked}", markup=False)
    out.print("    ", snippet(question, chunk.text), "\n", sep="")


def _half(name: str, score: float | None, rank: int | None, digits: int) -> str:
    return f"{name} -" if score is None else f"{name} {score:.{digits}f} (rank {rank})"


def snippet(question: str, passage: str) -> Text:
    """The part of a passage with most of the question's words, those words marked. Words match when their stems do."""
    from rich.text import Text

    from rag.index.words import COMPOUND, query_terms

    def terms(word: str) -> frozenset[str]:
        return frozenset(query_terms(word, {}))

    asked = frozenset().union(*(terms(word.group()) for word in COMPOUND.finditer(question)))
    words = one_line(passage)
    matches = [word.span() for word in COMPOUND.finditer(words) if terms(word.group()) & asked]
    best = max(
        (start for start, _ in matches), key=lambda start: sum(start <= other < start + SNIPPET - 40 for other, _ in matches), default=0
    )
    first = max(0, words.rfind(" ", 0, max(0, best - 40)) + 1)
    shown = Text(words[first : first + SNIPPET])
    for start, end in matches:
        if first <= start and end <= first + SNIPPET:
            shown.stylize("bold yellow", start - first, end - first)
    return Text("… " if first else "") + shown + Text(" …" if first + SNIPPET < len(words) else "")
