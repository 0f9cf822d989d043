"""The page of the evaluations: a run with live scores, earlier runs, their reports, comparisons and lost questions."""
