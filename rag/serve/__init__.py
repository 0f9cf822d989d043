"""The model server that Atlas manages: vLLM as a process of its own, one per home."""
