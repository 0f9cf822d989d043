"""The index on disk: vectors, BM25, texts and a manifest per version; built beside the live one and swapped atomically."""
