"""What could have been found: the minimum detectable effect, and whether two arms are practically the same."""

from __future__ import annotations

ALPHA = 0.05
POWER = 0.8


def detectable(error: float, degrees: float, *, family: int = 1) -> float:
    """Smallest true difference that the test finds with 80 % power, in the units of `error` (the clustered standard error).

    (t_{1 - alpha / 2} + t_{power}) * error (Bloom 1995), with alpha = 0.05 / `family`: what Holm asks of the first of so many
    contrasts. Where others are found, too, somewhat less is enough. Infinite with fewer than two documents.
    """
    from scipy.stats import t

    if degrees <= 0:
        return float("inf")
    return float((t.ppf(1 - ALPHA / family / 2, degrees) + t.ppf(POWER, degrees)) * error)


def unseen(n: int) -> float:
    """Upper 95 % bound on the share of questions with a difference when none of `n` showed one (the "rule of three").

    1 - 0.05^(1/n), about 3/n (Hanley and Lippman-Hand 1983): where all replies score the same, the standard error is zero and
    would claim that nothing at all was missed.
    """
    return float(1 - ALPHA ** (1 / n))
