"""Evaluation: cases, arms, metrics, statistics, reports."""
