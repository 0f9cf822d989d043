"""Models: a catalogue of names, fetching, conversion into ordinary folders, and the tokenizer."""
