"""Tuning: training methods, data, adapter cards, merging and serving of adapters."""
