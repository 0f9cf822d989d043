"""The page of the adapters: what there is, its cards, training, and bringing into service."""
