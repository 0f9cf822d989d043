"""The components of the adapters' page, and the words on them in the language asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from adapters.method import METHODS
from ui.pages.adapters.markup import QUIET, paragraph, safe
from ui.pages.adapters.text import WORDS, Words
from ui.pages.evaluate import pairs
from ui.pages.page import IDLE_SECONDS

if TYPE_CHECKING:
    from rag.settings import Settings
    from ui.chat.text import Language

MOST_OPTIONS = 400
"""Characters of the box for the method's options."""


class Layout:
    """Everything on the page, made once. `worded` and `speak` belong together."""

    def __init__(self, settings: Settings, language: Language) -> None:
        words = WORDS[language]
        self.head = gr.HTML(head(words), elem_id="adapters-head", **QUIET)
        with gr.Row(elem_id="adapters-both", equal_height=False):
            with gr.Column(scale=2, min_width=260, elem_id="adapters-left"):
                self.shelf = gr.Radio([], label=words.shelf, elem_id="adapters-list", elem_classes="pick")
            with gr.Column(scale=3, min_width=320, elem_id="adapters-right"):
                self._actions(words)
                self.moved = gr.HTML(elem_id="adapters-moved", **QUIET)
                self.other = gr.Dropdown([], label=words.compare_with, visible=False, elem_id="adapters-other")
                self.table = gr.HTML(elem_id="adapters-compared", **QUIET)
                self.sheet = gr.HTML(elem_id="adapters-card", **QUIET)
        self._form(settings, words)
        self.timer = gr.Timer(IDLE_SECONDS)
        self.seen = gr.State("")

    def _actions(self, words: Words) -> None:
        with gr.Row(elem_id="adapters-actions"):
            self.load = gr.Button(words.load, variant="primary", visible=False, elem_id="adapters-load")
            self.ask = gr.Button(words.to_compare, variant="primary", visible=False, elem_id="adapters-ask")
            self.unload = gr.Button(words.unload, visible=False, elem_id="adapters-unload")
            self.merge = gr.Button(words.merge, visible=False, elem_id="adapters-merge")
            self.export = gr.Button(words.export, visible=False, elem_id="adapters-export")
            self.delete = gr.Button(words.delete, visible=False, elem_id="adapters-delete")
        with gr.Row(visible=False, elem_id="adapters-sure") as self.sure:
            self.sure_words = gr.HTML(elem_id="adapters-sure-words", **QUIET)
            self.yes = gr.Button(words.delete_yes, variant="stop", elem_id="adapters-yes")
            self.no = gr.Button(words.keep, elem_id="adapters-no")

    def _form(self, settings: Settings, words: Words) -> None:
        train = settings.train
        files = pairs.offered(settings, first=train.qa, kinds=pairs.JSONL)
        with gr.Column(elem_id="adapters-train"):
            self.train_head = gr.HTML(train_head(words), **QUIET)
            with gr.Row():
                self.name = gr.Textbox(label=words.name, info=words.name_help, max_length=64, elem_id="train-name", min_width=200)
                self.method = gr.Dropdown(methods(words), value=train.method, label=words.method, elem_id="train-method", min_width=260)
            self.help = gr.HTML(help_line(train.method, words), elem_id="train-help", **QUIET)
            self.files = gr.CheckboxGroup(files, value=pairs.existing(train.qa), label=words.pairs, elem_id="train-files")
            self.upload = gr.UploadButton(words.upload, file_types=list(pairs.JSONL), size="sm", elem_id="train-upload")
            self.uploaded = gr.HTML(elem_id="train-uploaded", **QUIET)
            self.recipes = gr.CheckboxGroup(recipes(words), value=train.recipe.split("+"), label=words.recipe, elem_id="train-recipe")
            with gr.Row(elem_id="train-numbers"):
                self.examples = gr.Number(train.examples, label=words.max_examples, precision=0, min_width=110, elem_id="train-examples")
                self.epochs = gr.Number(train.epochs, label=words.epochs, step=0.5, min_width=110, elem_id="train-epochs")
                self.passages = gr.Number(train.passages, label=words.passages, precision=0, min_width=110, elem_id="train-passages")
                self.minutes = gr.Number(train.minutes, label=words.at_most, min_width=110, elem_id="train-minutes")
            self.options = gr.Textbox(
                label=words.further, info=words.further_help, lines=1, max_lines=6, max_length=MOST_OPTIONS, elem_id="train-options"
            )
            self.load_after = gr.Checkbox(True, label=words.load_after, elem_id="train-load")
            with gr.Row(elem_id="train-buttons"):
                self.estimate = gr.Button(words.estimate, elem_id="train-estimate")
                self.start = gr.Button(words.start, variant="primary", elem_id="train-start")
                self.stop = gr.Button(words.stop, variant="stop", visible=False, elem_id="train-stop")
            self.wrong = gr.HTML(elem_id="train-wrong", **QUIET)
            self.live = gr.HTML(elem_id="train-live", **QUIET)
            with gr.Row(visible=False, elem_id="train-unfinished") as self.rest:
                self.unfinished = gr.Dropdown([], label=words.unfinished, elem_id="train-which")
                self.resume = gr.Button(words.resume, elem_id="train-resume")

    def form(self) -> list[Any]:
        """The inputs of `ui.pages.adapters.form.Form`, in its order."""
        return [
            self.name, self.files, self.recipes, self.method, self.examples, self.epochs, self.passages, self.minutes,
            self.options, self.load_after,
        ]  # fmt: skip

    def worded(self) -> Sequence[Any]:
        return [
            self.head, self.shelf, self.load, self.ask, self.unload, self.merge, self.export, self.delete, self.yes, self.no, self.other,
            self.train_head, self.name, self.method, self.files, self.upload, self.recipes, self.examples, self.epochs, self.passages,
            self.minutes, self.options, self.load_after, self.estimate, self.start, self.stop, self.unfinished, self.resume,
        ]  # fmt: skip

    def speak(self, words: Words) -> Sequence[Any]:
        return [
            head(words), gr.Radio(label=words.shelf), *map(gr.Button, (words.load, words.to_compare, words.unload, words.merge)),
            *map(gr.Button, (words.export, words.delete, words.delete_yes, words.keep)), gr.Dropdown(label=words.compare_with),
            train_head(words), gr.Textbox(label=words.name, info=words.name_help), gr.Dropdown(methods(words), label=words.method),
            gr.CheckboxGroup(label=words.pairs), gr.UploadButton(words.upload), gr.CheckboxGroup(recipes(words), label=words.recipe),
            gr.Number(label=words.max_examples), gr.Number(label=words.epochs), gr.Number(label=words.passages),
            gr.Number(label=words.at_most), gr.Textbox(label=words.further, info=words.further_help), gr.Checkbox(label=words.load_after),
            *map(gr.Button, (words.estimate, words.start, words.stop)), gr.Dropdown(label=words.unfinished), gr.Button(words.resume),
        ]  # fmt: skip


def head(words: Words) -> str:
    return f'<div lang="{words.code}"><h2>{safe(words.title)}</h2>{paragraph(words.lead, "lead")}</div>'


def train_head(words: Words) -> str:
    return f'<div lang="{words.code}"><h2>{safe(words.train)}</h2>{paragraph(words.train_lead, "lead")}</div>'


def help_line(method: str, words: Words) -> str:
    return f'<div lang="{words.code}" role="status">{paragraph(words.methods.get(method, ""), "hint")}</div>'


def methods(words: Words) -> list[tuple[str, str]]:
    """Every method with one line on it."""
    return [(f"{name} – {words.methods[name]}" if name in words.methods else name, name) for name in METHODS.parts]


def recipes(words: Words) -> list[tuple[str, str]]:
    return [(f"{name}: {what}", name) for name, what in words.recipes.items()]
