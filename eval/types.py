"""What flows through an evaluation: cases, replies, failures, scores, contrasts, a run. All frozen.

Case -arm-> Reply | Failure -score-> Scores -compare-> Contrast -> Verdict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rag.qa import Pair


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what counts as right (`pair`), tags to break results down by, and where it was read (`file:line`)."""

    pair: Pair
    tags: tuple[str, ...] = ()
    origin: str = ""

    @property
    def id(self) -> str:
        return self.pair.id


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as the arm saw it: the number in the prompt, the document's path, the exact slice, tokens."""

    number: int
    path: str
    start: int
    end: int
    text: str
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What retrieval gave for a case, once, frozen for all arms.

    `ranked`: paths of the hits, best first, a path once per hit; `passages`: what was packed; `dropped`: passages left out, with
    the reason; `evidence`: estimated chance that the corpus holds the answer, in [0, 1], and the threshold in force.
    """

    case: str
    query: str
    ranked: tuple[str, ...]
    passages: tuple[Passage, ...]
    dropped: tuple[tuple[str, str], ...] = ()
    evidence: float = 1.0
    threshold: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What one arm said to one case. `cited`: (path, quoted text) of each citation; seconds from the question's arrival.

    `passages` are those that this arm had in its prompt (the shuffled and oracle arms have others than were retrieved).
    `identity`: which weights answered (model, adapter, adapter_sha256, template). `confidence`: the arm's own, in any unit, the
    higher the surer; None: it gave none, and the evidence of the retrieval stands for it.
    """

    case: str
    arm: str
    text: str
    refused: bool = False
    abstained: bool = False
    cited: tuple[tuple[str, str], ...] = ()
    passages: tuple[Passage, ...] = ()
    first_token: float = 0.0
    total: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    finish: str = "stop"
    identity: Mapping[str, str] = field(default_factory=dict)
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An arm gave no answer to a case. Listed and counted apart; never a zero, never averaged."""

    case: str
    arm: str
    what: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Metric name -> value of one reply; a metric that does not apply to the case is not there. See eval.scoring.METRICS."""

    case: str
    arm: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval over `n` cases in `clusters` documents."""

    mean: float
    low: float
    high: float
    n: int
    clusters: int


@dataclass(frozen=True, slots=True)
class Contrast:
    """A declared comparison on one metric, paired on cases: `effect` = mean of (arm - other).

    `p`: its test, named by `test` (exact McNemar for a binary metric with one question per document, else a clustered sign-flip
    test); `p_holm`: after Holm over the family; `p_mcnemar`: for a binary metric always, though it ignores the documents.
    `mde`: smallest effect found with 80 % power at this n; `margin`: equivalence margin; `equivalent`: the 90 % interval lies inside it.
    """

    name: str
    arm: str
    other: str
    metric: str
    effect: Estimate
    wins: int
    ties: int
    losses: int
    p: float
    p_holm: float
    mde: float
    margin: float
    equivalent: bool
    test: str = "sign-flip"
    p_mcnemar: float | None = None

    @property
    def found(self) -> bool:
        """Whether a difference was found at the 5 % level, family-wise."""
        return self.p_holm < 0.05


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a case was lost by an arm: one of eval.attribution.CAUSES.

    `basis`: the other arms whose replies to the case it was told by; empty: by this arm's own passages alone.
    """

    case: str
    arm: str
    cause: str
    basis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """Everything an evaluation produced; what the report is made from and what JSON holds.

    `manifest`: index, adapters, template, model, seeds, versions, git, settings, times. `estimates`: arm -> metric -> estimate.
    `curves`: arm -> risk-coverage points (coverage, risk). `breakdown`: (dimension, value, arm) -> estimate of the main metric.
    """

    name: str
    manifest: Mapping[str, Any]
    cases: tuple[Case, ...]
    retrievals: tuple[Retrieval, ...]
    replies: tuple[Reply, ...]
    failures: tuple[Failure, ...]
    scores: tuple[Scores, ...]
    estimates: Mapping[str, Mapping[str, Estimate]]
    contrasts: tuple[Contrast, ...]
    lost: tuple[Lost, ...]
    curves: Mapping[str, tuple[tuple[float, float], ...]]
    breakdown: tuple[tuple[str, str, str, Estimate], ...]
    judged: Mapping[str, Any] = field(default_factory=dict)
