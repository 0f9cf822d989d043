"""Training data: from QA pairs and the live retriever to examples and their tokens."""
