"""The declared contrasts: which arms are compared, decided by their names before any result is seen, and the comparison itself."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.corners import Corner
from eval.intervals import Bootstrap
from eval.scoring import METRICS
from eval.statistics.power import ALPHA, detectable, unseen
from eval.statistics.significance import holm, mcnemar, sign_flip
from eval.types import Contrast, Estimate, Scores

MARGIN = 0.03
"""Differences under three points are practically none, unless the caller says otherwise."""
TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Declared:
    """A comparison to be made. `terms`: arm -> weight, summing to zero; `arm` and `other`: what is shown as its two sides."""

    name: str
    arm: str
    other: str
    terms: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, arm: str, other: str) -> Declared:
        return cls(f"{arm} - {other}", arm, other, ((arm, 1.0), (other, -1.0)))


def declared(arms: Sequence[str]) -> tuple[Declared, ...]:
    """The contrasts that these arms allow: rag - icl, then for each adapter lora - icl, rag+lora - rag, rag+lora - lora and the
    interaction; every outside system and every copy of an arm against its counterpart.

    zero-shot stands for icl where that was not run. Diagnostic arms are in none: they explain, they do not compete.
    """
    known = list(dict.fromkeys(arms))
    base = next((arm for arm in ("icl", "zero-shot") if arm in known), "")
    pairs: list[tuple[str, str]] = [("rag", base)]
    together: list[Declared] = []
    for suffix in dict.fromkeys(arm.removeprefix(kind) for kind in ("lora", "rag+lora") for arm in known if _adapted(arm, kind)):
        lora, both = f"lora{suffix}", f"rag+lora{suffix}"
        pairs += [(lora, base), (both, "rag"), (both, lora)]
        if "rag" not in known and lora not in known:
            pairs.append((both, base))
        if base and {"rag", lora, both} <= set(known):
            together.append(interaction(both, "rag", lora, base))
    reference = next((arm for arm in ("rag", base) if arm in known), "")
    for arm in known:
        corner = Corner.of(arm)
        if corner.copy > 1:
            pairs.append((arm, arm.rpartition("#")[0]))
        elif corner.outside:
            pairs.append((arm, reference))
    found = [Declared.of(one, other) for one, other in pairs if one in known and other in known]
    if not found and {"icl", "zero-shot"} <= set(known):
        found = [Declared.of("icl", "zero-shot")]
    return (*found, *together)


def _adapted(arm: str, kind: str) -> bool:
    corner = Corner.of(arm)
    return corner.kind == kind and corner.copy == 1


def interaction(both: str, rag: str, lora: str, base: str) -> Declared:
    """(rag+lora - rag) - (lora - icl): does the adapter help more, or less, once there is retrieval?"""
    adapter = Corner.of(both).adapter
    name = f"interaction:{adapter}" if adapter else "interaction"
    return Declared(name, f"{both} - {rag}", f"{lora} - {base}", ((both, 1.0), (rag, -1.0), (lora, -1.0), (base, 1.0)))


def by_arm(scores: Sequence[Scores]) -> dict[str, list[Scores]]:
    """Arm -> its scores, arms in the order in which they first come."""
    found: dict[str, list[Scores]] = {}
    for each in scores:
        found.setdefault(each.arm, []).append(each)
    return found


def compare(
    scores_by_arm: Mapping[str, Sequence[Scores]],
    clusters: Mapping[str, Hashable],
    metric: str,
    *,
    contrasts: Sequence[Declared] | None = None,
    margin: float = MARGIN,
    family: int = 0,
) -> tuple[Contrast, ...]:
    """Every contrast (default: those that `declared` makes of the arms) on one metric, corrected for their number.

    Each is made on the cases to which all its arms have a value: failures drop out of it, and n says how many are left; with
    fewer than two such cases a contrast is left out. `clusters`: case id -> what it shares its fate with (see `clusters_of`).
    `margin`: in the metric's units. For contrasts on several metrics that are read together, see `correct`; `family`: how many those
    are, which is what the detectable effect must allow for.
    Raises ValueError for a metric that is not to be compared (see `eval.scoring.Metric.chosen`).
    """
    if metric not in METRICS or METRICS[metric].chosen:
        raise ValueError(f"arms are not compared on {metric!r}")
    values = {arm: {each.case: each.values[metric] for each in found if metric in each.values} for arm, found in scores_by_arm.items()}
    made = []
    wanted = declared(list(scores_by_arm)) if contrasts is None else contrasts
    size = family or len(wanted)
    for each in wanted:
        columns = [values.get(arm, {}) for arm, _ in each.terms]
        cases = [case for case in columns[0] if all(case in column for column in columns)]
        if len(cases) > 1:
            weighted = [
                weight * np.array([column[case] for case in cases]) for column, (_, weight) in zip(columns, each.terms, strict=True)
            ]
            difference = [float(value) for value in np.sum(weighted, axis=0)]
            made.append(_contrast(each, metric, difference, [clusters[case] for case in cases], margin=margin, family=size))
    return correct(made)


def correct(contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    """The same contrasts with `p_holm` over all of them: for what is read together, whatever its metric."""
    corrected = holm([each.p for each in contrasts])
    return tuple(replace(each, p_holm=p) for each, p in zip(contrasts, corrected, strict=True))


def _contrast(each: Declared, metric: str, differences: list[float], clusters: list[Hashable], *, margin: float, family: int) -> Contrast:
    bootstrap = Bootstrap(clusters)
    (wide,), (narrow,) = bootstrap.intervals(
        [differences], levels=(1 - ALPHA, 1 - 2 * ALPHA)
    )  # TOST: two one-sided tests (Schuirmann 1987)
    sums = bootstrap.sums([differences])
    differ = any(abs(value) > TIE for value in differences)
    n = len(differences)
    missed = detectable(float(bootstrap.errors(sums)[0]), bootstrap.degrees, family=family) if differ else unseen(n)
    if not differ:  # resampling would claim to be certain that there never is a difference
        wide = replace(wide, low=-missed, high=missed)
    elif len(set(differences)) == 1 and abs(differences[0]) == 1:  # nor that it always is all there can be
        low, high = sorted((wide.mean, wide.mean * (1 - 2 * unseen(n))))
        wide = replace(wide, low=low, high=high)
    exact = mcnemar(differences) if METRICS[metric].binary and len(each.terms) == 2 else None
    alone = exact is not None and bootstrap.clusters == n
    p = exact if exact is not None and alone else float(sign_flip(sums)[0])
    better, worse = sum(value > TIE for value in differences), sum(value < -TIE for value in differences)
    wins, losses = (better, worse) if METRICS[metric].better == "higher" else (worse, better)
    return Contrast(
        each.name,
        each.arm,
        each.other,
        metric,
        Estimate(wide.mean, wide.low, wide.high, n, bootstrap.clusters),
        wins,
        n - wins - losses,
        losses,
        p=p,
        p_holm=p,
        mde=missed,
        margin=margin,
        equivalent=(-margin < narrow.low and narrow.high < margin) if differ else missed <= margin,
        test="mcnemar" if alone else "sign-flip",
        p_mcnemar=exact,
    )
