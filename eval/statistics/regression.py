"""Is this run worse than an earlier one? The same arms on the same questions, paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.scoring import METRICS
from eval.statistics.clusters import clusters_of
from eval.statistics.contrasts import MARGIN, Declared, by_arm, compare
from eval.types import Contrast, Run, Scores

EARLIER = " (earlier)"


@dataclass(frozen=True, slots=True)
class Regression:
    """One contrast, now - earlier, for each arm that both runs have. `changed`: case ids whose question or accepted answers
    differ; `only_now`, `only_earlier`: case ids; `arms_apart`: arms of one run alone. None of these was compared."""

    contrasts: tuple[Contrast, ...]
    changed: tuple[str, ...] = ()
    only_now: tuple[str, ...] = ()
    only_earlier: tuple[str, ...] = ()
    arms_apart: tuple[str, ...] = ()

    @property
    def worse(self) -> tuple[Contrast, ...]:
        """Those that were found to have got worse."""
        return tuple(each for each in self.contrasts if each.found and (each.effect.mean < 0) == (METRICS[each.metric].better == "higher"))


def regression(run: Run, earlier: Run, *, metric: str = "f1", margin: float = MARGIN) -> Regression:
    """Compare what can be compared, corrected for the number of arms. No contrast at all when the runs share no case or no arm."""
    before = {case.id: case for case in earlier.cases}
    now = {case.id: case for case in run.cases}
    shared = [name for name in now if name in before]
    same = [name for name in shared if now[name].pair == before[name].pair]
    ours, theirs = _within(run.scores, same), _within(earlier.scores, same)
    arms = [arm for arm in ours if arm in theirs]
    table = {**ours, **{arm + EARLIER: theirs[arm] for arm in arms}}
    contrasts = compare(
        table,
        clusters_of(now[name] for name in same),
        metric,
        contrasts=[Declared.of(arm, arm + EARLIER) for arm in arms],
        margin=margin,
    )
    return Regression(
        contrasts,
        tuple(name for name in shared if now[name].pair != before[name].pair),
        tuple(name for name in now if name not in before),
        tuple(name for name in before if name not in now),
        tuple(sorted(set(ours) ^ set(theirs))),
    )


def _within(scores: Sequence[Scores], cases: Sequence[str]) -> dict[str, list[Scores]]:
    kept = set(cases)
    return by_arm([each for each in scores if each.case in kept])
