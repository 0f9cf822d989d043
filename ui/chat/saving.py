"""Saving a file that the server wrote: it travels as a value of the page, and page.js hands it to the browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

STILL: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
SAVE = "(file) => { if (file) window.atlas.save(JSON.parse(file)); }"


def as_file(name: str, text: str) -> str:
    """What a function behind a saving button returns; "" saves nothing."""
    return json.dumps({"name": name, "text": text})


class Saving:
    """Where files pass through on their way to the browser."""

    def build(self) -> None:
        self.file = gr.Textbox(visible="hidden", show_label=False, elem_id="file")

    def on(self, button: gr.Button, make: Callable[..., Any], inputs: list[Any], also: list[Any] | None = None) -> None:
        """`make` returns `as_file`, and then the values of the components in `also`."""
        made = button.click(make, inputs, [self.file, *(also or [])], **STILL)
        made.then(None, [self.file], None, js=SAVE, **STILL)
