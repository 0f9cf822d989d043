"""Tuning methods: one file each, named in `adapters.method.METHODS`."""
