"""Abstention: how likely it is that the corpus holds an answer, judged from the hits, and below what to say that it does not.

A logistic model over a few features of the hits, fitted on QA pairs and on questions that are about something else altogether
(`offtopic.txt`). It sees off-topic questions well and near misses badly: the figures it prints say how well.
Until it is calibrated, Atlas abstains only when nothing at all was found.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import InputError
from rag.progress import Progress, silent
from rag.types import Evidence, Hit

if TYPE_CHECKING:
    from rag.qa import Pair
    from rag.retrieve.retriever import Retriever

FEATURES = ("dense_top", "dense_mean", "lexical_top", "lexical_gap", "agreement")
FOLDS = 5
FEWEST = 20
"""Answerable questions below which a calibration would be noise."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted model and its threshold, with what was seen on the questions it was fitted on.

    `weights`: feature -> (mean, standard deviation, coefficient); `auc`: chance that an answerable question scores higher than
    an unanswerable one, near misses and off-topic questions apart, by cross-validation; shares in [0, 1], on the very
    questions it was fitted on. `embedder`: the identity it holds for.
    """

    weights: Mapping[str, tuple[float, float, float]]
    intercept: float
    threshold: float
    embedder: Mapping[str, str | int]
    answerable: int
    near: int
    offtopic: int
    auc_near: float | None
    auc_offtopic: float
    refused_answerable: float
    refused_near: float | None
    refused_offtopic: float

    def probability(self, features: Mapping[str, float]) -> float:
        """Estimated chance in (0, 1) that the corpus holds the answer."""
        z = self.intercept + sum(c * (features[name] - mean) / sd for name, (mean, sd, c) in self.weights.items())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def evidence(hits: Sequence[Hit], calibration: Calibration | None) -> Evidence:
    """The evidence of these hits. Without a calibration the score is 1 as soon as anything was found, and 0 otherwise."""
    if not hits:
        return Evidence(0.0, 0.5)
    found = features(hits)
    if calibration is None:
        return Evidence(1.0, 0.0, found)
    return Evidence(calibration.probability(found), calibration.threshold, found)


def features(hits: Sequence[Hit]) -> dict[str, float]:
    """Features of the hits of one question; see FEATURES. Scale-free of the number of hits as far as possible."""
    dense = sorted((hit.dense for hit in hits if hit.dense is not None), reverse=True) or [0.0]
    lexical = sorted((hit.lexical for hit in hits if hit.lexical is not None), reverse=True) or [0.0]
    both = [hit for hit in hits[:5] if hit.dense_rank is not None and hit.lexical_rank is not None]
    return {
        "dense_top": dense[0],
        "dense_mean": sum(dense[:5]) / len(dense[:5]),
        "lexical_top": lexical[0],
        "lexical_gap": lexical[0] - (lexical[3] if len(lexical) > 3 else lexical[-1]),
        "agreement": len(both) / 5,
    }


def calibrate(retriever: Retriever, pairs: Sequence[Pair], *, refuse_at_most: float = 0.05, progress: Progress = silent) -> Calibration:
    """Fit on the pairs (answerable or not) and on the off-topic questions.

    `refuse_at_most`: share of answerable questions that may be refused; the threshold is the largest that keeps to it.
    Raises InputError when there are fewer than FEWEST answerable pairs.
    """
    if sum(pair.answerable for pair in pairs) < FEWEST:
        raise InputError(f"Only {sum(pair.answerable for pair in pairs)} answerable questions.", f"Give at least {FEWEST} to calibrate on.")
    offtopic = off_topic_questions()
    asked = [(pair.question, "answerable" if pair.answerable else "near") for pair in pairs] + [(text, "offtopic") for text in offtopic]
    rows: list[tuple[dict[str, float], str]] = []
    for number, (question, kind) in enumerate(asked):
        progress("calibrating", number, len(asked))
        rows.append((features(retriever.search(question)), kind))
    progress("calibrating", len(asked), len(asked))
    return _fit(rows, retriever.embedder.identity(), refuse_at_most)


def off_topic_questions() -> list[str]:
    """Everyday questions in English and Russian that no technical corpus answers."""
    lines = resources.files("rag.context").joinpath("offtopic.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _fit(rows: Sequence[tuple[dict[str, float], str]], identity: Mapping[str, str | int], refuse_at_most: float) -> Calibration:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    kinds = np.array([kind for _, kind in rows])
    table = np.array([[row[name] for name in FEATURES] for row, _ in rows])
    mean, sd = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-6)
    answerable = kinds == "answerable"
    table = (table - mean) / sd
    model = LogisticRegression(class_weight="balanced").fit(table, answerable)
    scores = model.predict_proba(table)[:, 1]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    unseen = cross_val_predict(LogisticRegression(class_weight="balanced"), table, answerable, cv=folds, method="predict_proba")[:, 1]
    threshold = float(np.quantile(scores[answerable], refuse_at_most, method="lower"))

    def auc(kind: str) -> float | None:
        rest = kinds == kind
        return float(roc_auc_score(answerable[answerable | rest], unseen[answerable | rest])) if rest.any() else None

    def refused(kind: str) -> float | None:
        return float((scores[kinds == kind] < threshold).mean()) if (kinds == kind).any() else None

    weights = {name: (float(mean[i]), float(sd[i]), float(model.coef_[0][i])) for i, name in enumerate(FEATURES)}
    return Calibration(
        weights,
        float(model.intercept_[0]),
        threshold,
        dict(identity),
        answerable=int(answerable.sum()),
        near=int((kinds == "near").sum()),
        offtopic=int((kinds == "offtopic").sum()),
        auc_near=auc("near"),
        auc_offtopic=auc("offtopic") or 0.0,
        refused_answerable=refused("answerable") or 0.0,
        refused_near=refused("near"),
        refused_offtopic=refused("offtopic") or 0.0,
    )


def save(calibration: Calibration, file: Path) -> None:
    """Write it beside the index, whole or not at all."""
    unfinished = file.with_suffix(".tmp")
    unfinished.write_text(json.dumps(asdict(calibration), ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(unfinished, file)


def load(file: Path, identity: Mapping[str, str | int]) -> Calibration | None:
    """The calibration saved there, or None when there is none or it was made with another embedder. Raises InputError when damaged."""
    if not file.is_file():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        data["weights"] = {name: (float(a), float(b), float(c)) for name, (a, b, c) in data["weights"].items()}
        calibration = Calibration(**data)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise InputError(f"{file} is damaged ({exc}).", "Calibrate again: `atlas calibrate`.") from exc
    return calibration if dict(calibration.embedder) == dict(identity) else None
