"""The atlas command and the chat page: the only part that prints."""
