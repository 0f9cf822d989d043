"""The pages of the workbench beside the chat: corpus, adapters, evaluate, guide. Each folder is one page."""
