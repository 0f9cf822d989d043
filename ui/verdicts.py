"""An evaluation in the terminal: the verdict, a short table, the contrasts, what failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ui.console import err, out

if TYPE_CHECKING:
    from eval.statistics.regression import Regression
    from eval.types import Contrast, Estimate, Run

COLUMNS = ("f1", "em", "refusal_right", "answer_in_context", "total")
SECONDS = "total"
HEADINGS: dict[str, dict[str, str]] = {
    "en": {
        "arm": "arm", "f1": "F1", "em": "exact", "refusal_right": "refused rightly", "answer_in_context": "answer in prompt",
        "total": "seconds", "answered": "answered", "failed": "failed",
    },
    "ru": {
        "arm": "вариант", "f1": "F1", "em": "точно", "refusal_right": "верно отказал", "answer_in_context": "ответ в запросе",
        "total": "секунды", "answered": "ответил", "failed": "нет ответа",
    },
}  # fmt: skip


def print_run(run: Run, *, language: str) -> None:
    """The verdict first, since that is what was asked for."""
    from eval.verdict import verdict

    said = verdict(run, language=language)
    out.print(f"\n{said.headline}\n", markup=False)
    for note in said.notes:
        out.print(note, markup=False)
    _print_arms(run, language)
    for each in (each for each in run.contrasts if each.metric == run.manifest.get("metric")):
        out.print(f"  {contrast(each)}", markup=False)
    if speed := run.manifest.get("throughput"):
        alone = ", ".join(f"{arm} {rate:.2f}" for arm, rate in speed["arms_per_second"].items())
        shown = f"{speed['per_second']:.2f} answers/s with {speed['in_flight']} in flight; an arm alone, by its latencies: {alone}"
        out.print(f"\n{shown}", markup=False)
    for line in [*_costs(run), *_judged(run)]:
        out.print(line, markup=False)
    for failure in run.failures[:3]:
        err.print(f"failed: {failure.case}, {failure.arm}: {failure.what}", markup=False)


def contrast(each: Contrast) -> str:
    """One line: the effect in points with its interval, and how sure."""
    effect = f"{100 * each.effect.mean:+.1f} ({100 * each.effect.low:+.1f} to {100 * each.effect.high:+.1f})"
    how = "found" if each.found else "equivalent" if each.equivalent else "not found"
    counts = f"{each.wins} better, {each.ties} equal, {each.losses} worse of {each.effect.n}"
    return f"{each.name:<24} {effect:<26} p = {each.p_holm:.3f} {how:<10} {counts}"


def _costs(run: Run) -> list[str]:
    """What a right answer costs, each arm, the training included where there was one."""
    from eval.cost import SECONDS, costs

    shown = []
    for arm, cost in costs(run).items():
        if cost.each is not None and cost.whole is not None:
            trained = f" ({cost.whole:.3g} with training)" if cost.training else ""
            shown.append(f"{arm} {cost.each:.3g}{trained}")
    unit = next(iter(costs(run).values())).unit if shown else ""
    named = "seconds of this machine" if unit == SECONDS else unit
    return [f"a right answer costs, in {named}: {', '.join(shown)}"] if shown else []


def _judged(run: Run) -> list[str]:
    """What the judge found, and how far people agree with it."""
    lines = []
    for name, found in (run.judged.get("pairs") or {}).items():
        counts = f"{found['first']} better, {found['tie']} equal, {found['second']} worse of {found['n']}"
        lines.append(f"judge: {name:<24} {counts}, {found['inconsistent']} swayed by the order, {found['failures']} without a verdict")
    if votes := run.judged.get("votes"):
        kappa = "not defined" if votes.get("kappa") is None else f"{votes['kappa']:.2f}"
        bounds = f" ({votes['low']:.2f} to {votes['high']:.2f})" if votes.get("low") is not None else ""
        few = "; so few votes say little" if votes.get("few") else ""
        lines.append(f"judge: agreement with people, kappa {kappa}{bounds}, n = {votes['n']}{few}")
    return lines


def print_regression(found: Regression, earlier: str) -> None:
    """What changed since another run, arm by arm."""
    out.print(f"\nAgainst {earlier}:", markup=False)
    for each in found.contrasts:
        out.print(f"  {contrast(each)}", markup=False)
    if not found.contrasts:
        out.print("  nothing to compare: no arm was asked the same questions in both", markup=False)
    left = {"changed": found.changed, "only in this run": found.only_now, "only in that run": found.only_earlier}
    for what, cases in left.items():
        if cases:
            out.print(f"  {len(cases)} cases {what} were left out", markup=False)
    if found.arms_apart:
        out.print(f"  arms of one run alone: {', '.join(found.arms_apart)}", markup=False)


def _print_arms(run: Run, language: str) -> None:
    from rich.table import Table

    shown = [metric for metric in COLUMNS if any(metric in found for found in run.estimates.values())]
    table = Table(box=None, pad_edge=False)
    for heading in ("arm", *shown, "answered", "failed"):
        table.add_column(HEADINGS[language][heading])
    answered, failed = Counter(reply.arm for reply in run.replies), Counter(failure.arm for failure in run.failures)
    for arm in dict.fromkeys([*run.estimates, *failed]):
        found = run.estimates.get(arm, {})
        cells = [_cell(metric, found[metric], language) if metric in found else "-" for metric in shown]
        table.add_row(arm, *cells, str(answered[arm]), str(failed[arm] or "-"))
    out.print(table)


def _cell(metric: str, found: Estimate, language: str) -> str:
    """Shares in percent; seconds as they are."""
    if metric == SECONDS:
        return f"{found.mean:.2f}"
    between = "to" if language == "en" else "–"
    return f"{100 * found.mean:.1f} ({100 * found.low:.1f} {between} {100 * found.high:.1f})"
