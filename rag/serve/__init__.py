"""The model servers that Atlas manages: vLLM as processes of their own, one for the base model and one for each merged adapter."""
