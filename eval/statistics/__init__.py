"""Statistics of an evaluation: estimates, paired contrasts with their tests, what could have been found, and regressions."""
