"""Training: from prepared examples to an adapter with its card. `run.train` is the whole; transformers' Trainer does the loop."""
