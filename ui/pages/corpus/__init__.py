"""The page of the corpus: documents and their chunks, search, additions, the health of the index and its versions."""
