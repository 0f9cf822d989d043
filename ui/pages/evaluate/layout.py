"""The components of the page of evaluations, and the words on them in the language asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.pages.adapters.markup import QUIET, paragraph, safe
from ui.pages.evaluate import pairs
from ui.pages.evaluate.form import LIMIT
from ui.pages.evaluate.text import WORDS, Words
from ui.pages.page import IDLE_SECONDS

if TYPE_CHECKING:
    from rag.settings import Settings
    from ui.chat.text import Language

"""Seconds between two looks at the jobs while one of them runs."""
ARMS = ("icl", "rag", "oracle", "shuffled")
"""Chosen before anybody has looked whether an adapter is loaded."""


class Layout:
    """Everything on the page, made once. `worded` and `speak` belong together."""

    def __init__(self, settings: Settings, language: Language) -> None:
        words = WORDS[language]
        self.head = gr.HTML(head(words), elem_id="evaluate-head", **QUIET)
        self._form(settings, words)
        self.card = gr.HTML(elem_id="eval-job", **QUIET)
        self.standings = gr.HTML(elem_id="eval-standings", **QUIET)
        with gr.Row(elem_id="runs-both", equal_height=False):
            with gr.Column(scale=2, min_width=280, elem_id="runs-left"):
                self.none = gr.HTML(elem_id="runs-none", **QUIET)
                self.runs = gr.Radio([], label=words.runs, elem_id="runs-list", elem_classes="pick")
            with gr.Column(scale=3, min_width=320, elem_id="runs-right"):
                self.resume = gr.Button(words.resume, variant="primary", visible=False, elem_id="run-resume")
                self.run = gr.HTML(elem_id="run-chosen", **QUIET)
                self.other = gr.Dropdown([], label=words.compare_with, visible=False, elem_id="run-other")
                self.table = gr.HTML(elem_id="run-compared", **QUIET)
        self._failures(words)
        self.timer = gr.Timer(IDLE_SECONDS)
        self.seen = gr.State("")
        self.mine = gr.State("")
        """The job that this session started last: its run is opened when it is done."""

    def _form(self, settings: Settings, words: Words) -> None:
        with gr.Column(elem_id="eval-form"):
            files = pairs.offered(settings, first=settings.qa)
            self.files = gr.CheckboxGroup(files, value=pairs.existing(settings.qa), label=words.pairs, elem_id="eval-files")
            self.upload = gr.UploadButton(words.upload, file_types=list(pairs.KINDS), size="sm", elem_id="eval-upload")
            self.uploaded = gr.HTML(elem_id="eval-uploaded", **QUIET)
            self.arms = gr.CheckboxGroup(arms(words), value=list(ARMS), label=words.arms_label, elem_id="eval-arms")
            self.adapters = gr.CheckboxGroup([], label=words.adapters, visible=False, elem_id="eval-adapters")
            self.no_adapters = gr.HTML(elem_id="eval-no-adapters", **QUIET)
            with gr.Row():
                self.limit = gr.Number(
                    LIMIT, label=words.limit, info=words.limit_help, precision=0, min_width=150, scale=0, elem_id="eval-limit"
                )
                self.name = gr.Textbox(label=words.name, info=words.name_help, max_length=80, min_width=200, elem_id="eval-name")
            with gr.Accordion(words.more, open=False, elem_id="eval-more") as self.more:
                self.style = gr.Radio(styles(words), value="short", label=words.style, elem_id="eval-style")
                self.seed = gr.Number(0, label=words.seed, precision=0, min_width=120, scale=0, elem_id="eval-seed")
            with gr.Row():
                self.start = gr.Button(words.start, variant="primary", elem_id="eval-start")
                self.stop = gr.Button(words.stop, variant="stop", visible=False, elem_id="eval-stop")
            self.wrong = gr.HTML(elem_id="eval-wrong", **QUIET)

    def _failures(self, words: Words) -> None:
        with gr.Column(visible=False, elem_id="lost") as self.lost:
            self.lost_head = gr.HTML(lost_head(words), **QUIET)
            with gr.Row():
                self.cause = gr.Dropdown([], label=words.cause, min_width=180, elem_id="lost-cause")
                self.arm = gr.Dropdown([], label=words.arm, min_width=140, elem_id="lost-arm")
                self.language = gr.Dropdown([], label=words.language, min_width=110, elem_id="lost-language")
            with gr.Row(elem_id="lost-both", equal_height=False):
                with gr.Column(scale=2, min_width=280):
                    self.cases = gr.Radio([], label=words.lost, elem_id="lost-list", elem_classes="pick")
                    self.left = gr.HTML(elem_id="lost-left", **QUIET)
                with gr.Column(scale=3, min_width=320):
                    self.ask = gr.Button(words.to_compare, variant="primary", visible=False, elem_id="lost-ask")
                    self.case = gr.HTML(elem_id="lost-case", **QUIET)

    def form(self) -> list[Any]:
        """The inputs of `ui.pages.evaluate.form.Form`, in its order."""
        return [self.files, self.arms, self.adapters, self.limit, self.name, self.style, self.seed]

    def worded(self) -> Sequence[Any]:
        return [
            self.head, self.files, self.upload, self.arms, self.adapters, self.limit, self.name, self.more, self.style, self.seed,
            self.start, self.stop, self.runs, self.resume, self.other, self.lost_head, self.cause, self.arm, self.language, self.cases,
            self.ask,
        ]  # fmt: skip

    def speak(self, words: Words) -> Sequence[Any]:
        return [
            head(words), gr.CheckboxGroup(label=words.pairs), gr.UploadButton(words.upload),
            gr.CheckboxGroup(arms(words), label=words.arms_label), gr.CheckboxGroup(label=words.adapters),
            gr.Number(label=words.limit, info=words.limit_help), gr.Textbox(label=words.name, info=words.name_help),
            gr.Accordion(label=words.more), gr.Radio(styles(words), label=words.style), gr.Number(label=words.seed),
            gr.Button(words.start), gr.Button(words.stop), gr.Radio(label=words.runs), gr.Button(words.resume),
            gr.Dropdown(label=words.compare_with), lost_head(words), gr.Dropdown(label=words.cause), gr.Dropdown(label=words.arm),
            gr.Dropdown(label=words.language), gr.Radio(label=words.lost), gr.Button(words.to_compare),
        ]  # fmt: skip


def head(words: Words) -> str:
    return f'<div lang="{words.code}"><h2>{safe(words.title)}</h2>{paragraph(words.lead, "lead")}</div>'


def lost_head(words: Words) -> str:
    return f'<div lang="{words.code}"><h2>{safe(words.lost)}</h2>{paragraph(words.lost_lead, "lead")}</div>'


def arms(words: Words) -> list[tuple[str, str]]:
    return [(f"{name}: {what}", name) for name, what in words.arms.items()]


def styles(words: Words) -> list[tuple[str, str]]:
    return [(what, name) for name, what in words.styles.items()]
