"""Texts to vectors: one protocol, one registry, a sentence-transformers embedder and a model-free one for tests."""
