"""Retrieval: dense and lexical halves, fused, reranked, without repeats."""
