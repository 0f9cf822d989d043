"""From documents to answers: ingest, index, retrieve, pack a context, generate with citations."""
