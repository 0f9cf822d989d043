"""What flows through Atlas: documents, chunks, hits, contexts, answers. All frozen; ids are content hashes.

Document -split-> Chunk -embed/store-> Hit -pack-> Context -prompt/generate-> Answer
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Arm = Literal["icl", "zero-shot", "rag", "lora", "rag+lora"]
"""A way of answering. `icl`: few-shot prompt without retrieval; `zero-shot`: the same without examples."""

Role = Literal["system", "user", "assistant"]


def content_id(*parts: str) -> str:
    """First 16 hex digits of the sha256 of the parts; the separator cannot occur in text."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document: where its section starts (character offset), its level (1 = top) and words."""

    start: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One source file (or one row of a table file) as plain text.

    `path` is relative to the corpus folder, with forward slashes. `language` is ISO 639-1 or "und".
    `pages` holds the character offset at which each page starts (pdf), else it is empty.
    """

    path: str
    text: str
    title: str = ""
    language: str = "und"
    media: str = "txt"
    headings: tuple[Heading, ...] = ()
    pages: tuple[int, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same text at the same path has the same id on every machine."""
        return content_id(self.path, self.text)

    def page_at(self, offset: int) -> int | None:
        """1-based page of a character offset, or None when the document has no pages."""
        return sum(1 for start in self.pages if start <= offset) or None


@dataclass(frozen=True, slots=True)
class Chunk:
    """An exact slice of a document: ``document.text[start:end] == chunk.text``.

    `header` (title and headings above it) is not part of the slice; it is embedded and shown with it.
    """

    document_id: str
    path: str
    start: int
    end: int
    text: str
    header: str = ""
    language: str = "und"
    page: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return content_id(self.document_id, str(self.start), str(self.end))

    @property
    def embedded_text(self) -> str:
        """What the embedder and the lexical index see."""
        return f"{self.header}\n{self.text}" if self.header else self.text


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. Every score: higher is better. A half that did not find the chunk is None.

    `score` orders the hits (fused, or the reranker's when there is one). `dense` is a cosine in [-1, 1],
    `lexical` a BM25 score >= 0, `rerank` the cross-encoder's.
    """

    chunk: Chunk
    score: float
    dense: float | None = None
    lexical: float | None = None
    rerank: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """How well the hits support answering `question` at all, before anything is generated.

    `score` is an estimate in [0, 1] that the corpus holds the answer (calibrated: see `rag.context.abstain`);
    `weak` says that it lies below the threshold in force.
    """

    score: float
    threshold: float
    features: Mapping[str, float] = field(default_factory=dict)

    @property
    def weak(self) -> bool:
        return self.score < self.threshold


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered passage as it stands in the prompt; one or several adjacent chunks of one document, joined."""

    number: int
    hits: tuple[Hit, ...]
    path: str
    document_id: str
    start: int
    end: int
    text: str
    header: str = ""
    page: int | None = None
    tokens: int = 0

    @property
    def score(self) -> float:
        return max(hit.score for hit in self.hits)


@dataclass(frozen=True, slots=True)
class Context:
    """The passages given to the model for one question, and what was left out (`dropped`, with the reason).

    `query` is what was searched for: the question, or the question rewritten with the conversation in mind.
    """

    question: str
    query: str
    sources: tuple[Source, ...] = ()
    dropped: tuple[tuple[Hit, str], ...] = ()
    evidence: Evidence = Evidence(1.0, 0.0)
    tokens: int = 0
    index_version: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat prompt or of the conversation so far."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are drawn. The same for every arm that is compared.

    `bias`: token id, and what is added to its logit where an answer begins. It belongs to an adapter (see `Route.bias`).
    `forbidden`: no token that begins with one of these is drawn (white space before it aside), where the tokenizer is known.
    """

    temperature: float = 0.0
    max_tokens: int = 256
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    bias: tuple[tuple[int, float], ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, from the moment the question arrived (`retrieval`, `first_token`, `total`)."""

    retrieval: float = 0.0
    first_token: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which weights, index, template and decoding made an answer; enough to ask for it again."""

    arm: str
    model: str
    adapter: str | None
    adapter_sha256: str | None
    index_version: str
    template: str
    decoding: Decoding
    prompt_tokens: int = 0
    answer_tokens: int = 0
    timing: Timing = Timing()


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the answer rests on: the source's number, and the span of the *document* that is quoted.

    `by` says who made the link: the `model` wrote the marker itself, or Atlas matched the words (`match`).
    """

    number: int
    start: int
    end: int
    by: Literal["model", "match"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one arm said. `refused`: it said that it does not know, or Atlas abstained for it (`abstained`)."""

    question: str
    text: str
    context: Context | None
    provenance: Provenance
    citations: tuple[Citation, ...] = ()
    refused: bool = False
    abstained: bool = False
    finish: Literal["stop", "length", "abstained"] = "stop"


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Event: retrieval is done; comes once, before the first token, only from arms that retrieve."""

    context: Context


@dataclass(frozen=True, slots=True)
class Token:
    """Event: more text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Event: the answer is complete; always the last one. A failure raises instead."""

    answer: Answer


Event = Retrieved | Token | Finished
