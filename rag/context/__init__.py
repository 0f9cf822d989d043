"""The context of an answer: passages within a token budget, the prompt, abstention, citations."""
