"""What the corpus page is laid out from: its components, and their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import gradio as gr

from ui.chat.text import Language
from ui.jobs.card import KEEP_OPEN
from ui.pages.corpus.markup import PICK, note, safe
from ui.pages.corpus.text import WORDS, Part, Words
from ui.pages.page import IDLE_SECONDS

QUIET: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}
PICKED: dict[str, Any] = {"apply_default_css": False, "js_on_load": PICK}
LONGEST = 1000
SHOW = """
const bring = () => {
  const chosen = element.querySelector(".text .chosen");
  const text = element.querySelector(".text");
  if (chosen && text) text.scrollTop = Math.max(0, chosen.offsetTop - 60);
  if (text && innerWidth < 900) element.scrollIntoView({block: "start"});
};
watch("value", () => requestAnimationFrame(bring));
"""
"""A chosen chunk is brought into view; where list and text are below each other, so is the text."""
PARTS: tuple[Part, ...] = get_args(Part)
LOOK = """(...given) => {
  const open = (tabs) => document.querySelector(`${tabs} [role=tab][aria-selected=true]`)?.dataset.tabId ?? '';
  return [...given.slice(0, -1), `${open('#pages')} ${open('#corpus-parts')}`];
}"""
"""As `ui.pages.page.OPEN`, with the part of this page after a space: events of its tabs do not tell it either."""


class Layout:
    """`folders`: whether folders of this machine may be added."""

    def __init__(self, language: Language, *, folders: bool, upload_mb: float) -> None:
        words = WORDS[language]
        self._upload_mb, self._folders = upload_mb, folders
        with gr.Row(elem_id="corpus-top"):
            self.summary = gr.HTML(elem_id="corpus-summary", **QUIET)
            self.rebuild = gr.Button(words.rebuild, variant="primary", elem_id="corpus-rebuild")
            self.cancel = gr.Button(words.cancel, visible=False, elem_id="corpus-cancel")
        self.job = gr.HTML(elem_id="corpus-job", apply_default_css=False, js_on_load=KEEP_OPEN)
        self.told = gr.HTML(elem_id="corpus-told", **QUIET)
        with gr.Tabs(selected="documents", overflow_behavior="wrap", elem_id="corpus-parts") as self.tabs:
            self.tab: dict[Part, gr.Tab] = {}
            for part in PARTS:
                with gr.Tab(words.parts[part], id=part, elem_id=f"corpus-{part}") as self.tab[part]:
                    getattr(self, f"_{part}")(words)
        self.timer = gr.Timer(IDLE_SECONDS)

    def _documents(self, words: Words) -> None:
        with gr.Row(elem_id="corpus-shelf"):
            with gr.Column(elem_id="corpus-left"):
                self.filter = gr.Textbox(label=words.filter, placeholder=words.filter_hint, max_length=200, elem_id="corpus-filter")
                self.listing = gr.HTML(elem_id="corpus-listing", **PICKED)
            with gr.Column(elem_id="corpus-right"):
                self.view = gr.HTML(elem_id="corpus-view", apply_default_css=False, js_on_load=PICK + SHOW)

    def _search(self, words: Words) -> None:
        with gr.Row(elem_id="corpus-ask"):
            self.question = gr.Textbox(label=words.question, placeholder=words.question_hint, max_length=LONGEST, elem_id="corpus-question")
            self.find = gr.Button(words.find, variant="primary", elem_id="corpus-find")
        with gr.Row(elem_id="corpus-found"):
            self.hits = gr.HTML(elem_id="corpus-hits", **PICKED)
            self.map = gr.HTML(elem_id="corpus-map", **QUIET)

    def _add(self, words: Words) -> None:
        with gr.Row(elem_id="corpus-adding"):
            with gr.Column():
                self.upload = gr.UploadButton(words.upload, file_count="multiple", elem_id="corpus-upload")
                self.upload_about = gr.HTML(self._about(words), **QUIET)
            with gr.Column():
                self.folder = gr.Textbox(
                    label=words.folder, placeholder=words.folder_hint, max_length=LONGEST, visible=self._folders, elem_id="corpus-folder"
                )
                self.add_folder = gr.Button(words.add_folder, visible=self._folders, elem_id="corpus-add-folder")
                self.folder_about = gr.HTML(self._folder_about(words), **QUIET)
        self.taken = gr.HTML(elem_id="corpus-taken", **QUIET)
        self.sources = gr.HTML(elem_id="corpus-sources", **PICKED)

    def _health(self, words: Words) -> None:
        self.health = gr.HTML(elem_id="corpus-health-shown", **QUIET)

    def _versions(self, words: Words) -> None:
        self.versions = gr.HTML(elem_id="corpus-versions-shown", **PICKED)

    def _about(self, words: Words) -> str:
        return f'<p class="soft">{safe(words.upload_about.format(f"{self._upload_mb:g}"))}</p>'

    def _folder_about(self, words: Words) -> str:
        return f'<p class="soft">{safe(words.folder_about)}</p>' if self._folders else note(words.folder_not_here)

    def worded(self) -> Sequence[Any]:
        return [
            self.rebuild, self.cancel, *self.tab.values(), self.filter, self.question, self.find, self.upload, self.upload_about,
            self.folder, self.add_folder, self.folder_about,
        ]  # fmt: skip

    def speak(self, words: Words) -> list[Any]:
        return [
            gr.Button(words.rebuild), gr.Button(words.cancel), *(gr.Tab(label=words.parts[part]) for part in PARTS),
            gr.Textbox(label=words.filter, placeholder=words.filter_hint),
            gr.Textbox(label=words.question, placeholder=words.question_hint), gr.Button(words.find),
            gr.UploadButton(label=words.upload), self._about(words),
            gr.Textbox(label=words.folder, placeholder=words.folder_hint), gr.Button(words.add_folder), self._folder_about(words),
        ]  # fmt: skip
