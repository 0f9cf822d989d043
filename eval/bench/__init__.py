"""Benchmarks: functions that measure and return what they measured. Nothing here prints."""
