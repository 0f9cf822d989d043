"""A run set against an earlier one: what got worse is said, and written into its manifest, which the report shows."""

from __future__ import annotations

from dataclasses import asdict, replace

from eval.statistics.regression import Regression, regression
from eval.types import Run


def compared(run: Run, earlier: Run) -> tuple[Run, Regression]:
    """The run with `compared` in its manifest, and the comparison on its main metric, by its own margin."""
    margin = float(run.manifest["request"]["margin"])
    found = regression(run, earlier, metric=str(run.manifest["metric"]), margin=margin)
    words = {
        each.arm: f"{100 * each.effect.mean:+.1f} points ({100 * each.effect.low:+.1f} to {100 * each.effect.high:+.1f}), "
        f"n = {each.effect.n}, p = {each.p_holm:.3f}"
        for each in found.contrasts
    }
    apart = {key: len(value) for key, value in asdict(found).items() if key != "contrasts" and value}
    return replace(run, manifest={**run.manifest, "compared": {"with": earlier.name, **words, **apart}}), found
