"""Metrics: what one ranking, or one answer, is worth. All in [0, 1], higher is better."""
