"""One module per command of `atlas`; each is imported when its command is run."""
