"""The chat page: one question, several ways of answering it, side by side."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio reads it when it is imported: nothing is sent anywhere
