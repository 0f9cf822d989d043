"""Arms: the systems under test. Each is a callable `(case, retrieval) -> Reply`."""
