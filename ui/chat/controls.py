"""The settings of a conversation: which panes, blind or not, how tokens are drawn. They begin as the settings file says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr

from rag.types import Decoding
from ui.chat.controls_text import CONTROLS
from ui.chat.text import TEXTS, Language
from ui.chat.turn import LETTERS, How
from ui.chat.variant import variants

if TYPE_CHECKING:
    from rag.settings import Settings

Style = Literal["short", "full"]
SMALLEST, LARGEST = 16, 1024
"""Of the longest answer, in tokens; the settings file may say more."""


class Controls:
    """Components and what they mean. `loaded`: names of the adapters that are loaded now."""

    def __init__(self, settings: Settings, loaded: Callable[[], Sequence[str]]) -> None:
        self.settings, self.loaded = settings, loaded
        self._seen: dict[str, None] = {}

    def build(self, language: Language) -> None:
        words, chosen = CONTROLS[language], self.settings.generate
        with gr.Accordion(words.settings, open=False, elem_id="controls") as self.area:
            self.panes = gr.CheckboxGroup(
                self._choices(language), value=list(self.settings.ui.arms), label=words.panes, info=words.panes_why, elem_id="choose-panes"
            )
            with gr.Row(elem_id="decoding"):
                self.temperature = gr.Slider(
                    0, 2, value=chosen.temperature, step=0.05, label=words.temperature, info=words.temperature_why, buttons=[]
                )
                self.top_p = gr.Slider(0.05, 1, value=chosen.top_p, step=0.05, label=words.top_p, buttons=[])
                longest = max(LARGEST, chosen.max_tokens)
                self.max_tokens = gr.Slider(SMALLEST, longest, value=chosen.max_tokens, step=1, label=words.max_tokens, buttons=[])
                self.seed = gr.Number(value=chosen.seed, precision=0, label=words.seed)
            self.style = gr.Radio(
                self._styles(language), value=self.settings.context.style, label=words.style, info=words.style_why, elem_id="choose-style"
            )

    def build_blind(self, language: Language) -> None:
        """The switch stands where it is seen, apart from the rest."""
        self.blind = gr.Checkbox(False, label=CONTROLS[language].blind, container=False, elem_id="blind")

    def inputs(self) -> list[gr.components.Component]:
        """What `how` and `keys` are made of, in its order."""
        return [self.panes, self.blind, self.temperature, self.top_p, self.max_tokens, self.seed, self.style]

    def keys(self, panes: Sequence[str]) -> list[str]:
        """The panes to ask: as chosen, at most as many as there are letters; the settings' own when none is."""
        known = {variant.key for variant in variants(list(self._seen))}
        return [key for key in panes if key in known][: len(LETTERS)] or list(self.settings.ui.arms)

    def how(self, blind: bool, temperature: float, top_p: float, max_tokens: float, seed: float | None, style: str) -> How:
        """Numbers a browser can send are put between their bounds."""
        longest = max(LARGEST, self.settings.generate.max_tokens)
        decoding = Decoding(
            min(max(float(temperature), 0.0), 2.0),
            int(min(max(max_tokens, 1), longest)),
            min(max(float(top_p), 0.01), 1.0),
            int(seed or 0),
        )
        return How(decoding, "short" if style == "short" else "full", bool(blind))

    def at_most(self, panes: Sequence[str]) -> Any:
        """No fifth pane: the last ones chosen stay."""
        return gr.CheckboxGroup(value=list(panes)[-len(LETTERS) :]) if len(panes) > len(LETTERS) else gr.skip()

    def worded(self) -> list[gr.components.Component]:
        areas: list[Any] = [self.area]
        return [*areas, self.panes, self.temperature, self.top_p, self.max_tokens, self.seed, self.style, self.blind]

    def speak(self, language: Language) -> list[Any]:
        words = CONTROLS[language]
        return [
            gr.Accordion(label=words.settings),
            self.choices(language),
            gr.Slider(label=words.temperature, info=words.temperature_why),
            gr.Slider(label=words.top_p),
            gr.Slider(label=words.max_tokens),
            gr.Number(label=words.seed),
            gr.Radio(self._styles(language), label=words.style, info=words.style_why),
            gr.Checkbox(label=words.blind),
        ]

    def choices(self, language: Language) -> Any:
        """The panes with what is loaded now."""
        words = CONTROLS[language]
        return gr.CheckboxGroup(self._choices(language), label=words.panes, info=words.panes_why)

    def _choices(self, language: Language) -> list[tuple[str, str]]:
        """All that there are and have been: Gradio refuses a value that is among the choices no more, and somebody may have chosen it."""
        words, text, loaded = CONTROLS[language], TEXTS[language], self.loaded()
        self._seen.update(dict.fromkeys(loaded))
        found = []
        for variant in variants(list(self._seen)):
            note = "" if variant.answers(loaded) else words.gone if variant.adapter else words.not_loaded
            if not note and len(loaded) > 1 and not variant.adapter and not variant.answers([]):
                note = words.newest
            found.append((variant.name(text) + (f" ({note})" if note else ""), variant.key))
        return found

    def _styles(self, language: Language) -> list[tuple[str, str]]:
        words = CONTROLS[language]
        return [(words.full, "full"), (words.short, "short")]
