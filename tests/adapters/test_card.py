"""The adapter card: read(write(card)) == card, every problem at once, and what does not fit is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.card import BaseWeights, Card, Data, Point, Reference, Said, check, library_versions
from adapters.store import CARD, weights_sha256
from adapters.tiny import save_tiny
from rag.context.prompt import template_hash
from rag.errors import InputError, ModelError
from rag.models.folder import resolve
from rag.settings import Settings
from tests.adapters.made import tiny_settings


@pytest.fixture(scope="module")
def fitting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path, Card]:
    """Settings, a folder with weights, and a card that fits both."""
    root = tmp_path_factory.mktemp("card")
    settings = tiny_settings(save_tiny(root / "base"), root / "home")
    (root / "adapter").mkdir()
    (root / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    base = resolve(settings.generate.model, settings)
    card = Card(
        name="x",
        base=BaseWeights(model="base", revision=base.revision),
        method="lora",
        routes=("merged",),
        template=template_hash(),
        sha256=weights_sha256(root / "adapter"),
    )
    return settings, root / "adapter", card


@given(loss=st.floats(0, 50), text=st.text(max_size=20), top=st.dictionaries(st.integers(0, 10**5), st.floats(-50, 0)))
def test_a_card_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, loss: float, text: str, top: dict[int, float]) -> None:
    card = Card(
        name="x",
        base=BaseWeights(model="m", revision="r"),
        method="lora",
        options={"r": 16, "targets": ["q_proj"]},
        data=Data(recipe="context", sizes={"gold": 3}),
        template="t",
        routes=("vllm", "merged"),
        curve=(Point(step=3, loss=loss),),
        command=text,
        sha256="0" * 64,
        canary=Reference(prompts="p", base=(Said(text=text, top=top),), adapter=()),
    )
    folder = tmp_path_factory.mktemp("written")
    card.write(folder)
    assert Card.read(folder) == card


def test_every_problem_of_a_card_is_listed(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text('{"name": "x", "base": {"model": "m"}, "routes": ["air"], "seed": "many", "nonsense": 1}')
    with pytest.raises(InputError) as caught:
        Card.read(tmp_path)
    for place in ("base.revision", "routes", "seed", "nonsense", "method", "template", "sha256"):
        assert place in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_broken_card_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(InputError, match="is not a card of version 1"):
        Card.read(tmp_path)


def test_a_card_that_fits_is_taken(fitting: tuple[Settings, Path, Card]) -> None:
    settings, folder, card = fitting
    check(card, folder, settings)


def test_another_base_template_or_weights_are_refused_all_at_once_naming_both(fitting: tuple[Settings, Path, Card]) -> None:
    settings, folder, card = fitting
    wrong = card.model_copy(update={"base": BaseWeights(model="other", revision="feed"), "template": "old", "sha256": "f" * 64})
    with pytest.raises(ModelError) as caught:
        check(wrong, folder, settings)
    for words in ("other (revision feed)", card.base.revision, "template old", template_hash(), "f" * 16, card.sha256[:16]):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_versions_are_those_installed() -> None:
    assert library_versions().keys() >= {"torch", "transformers", "peft"}
