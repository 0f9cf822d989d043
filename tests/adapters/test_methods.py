"""The laws of every tuning method, on a tiny random model in float32 (of qlora: test_method_qlora.py)."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from adapters.method import METHODS, read_options
from adapters.tiny import tiny_model
from rag.errors import ModelError, SettingsError
from tests.adapters.method_runs import ARCHITECTURES, NAMES, fresh, loaded, logits, method_of, options_of, run, train, without_module

every_method = pytest.mark.parametrize("name", NAMES)
both = pytest.mark.parametrize("architecture", [ARCHITECTURES[0], pytest.param(ARCHITECTURES[1], marks=pytest.mark.slow)])

MERGED = 1e-4
"""Largest difference of a logit (they lie in about +-15) between merged and unmerged, in float32."""
ROUNDING = 1e-5


@every_method
@both
def test_a_fresh_adapter_says_what_the_base_says_or_the_method_says_why_not(name: str, architecture: Any) -> None:
    done = run(name, architecture)
    difference = (done.first - done.base).abs().max().item()
    if done.method.starts_as_base:
        assert difference <= ROUNDING
    else:
        assert difference > ROUNDING
        assert "base" in done.method.note


@every_method
@both
def test_only_its_own_parameters_train(name: str, architecture: Any) -> None:
    done = run(name, architecture)
    assert any(each.requires_grad for each in done.model.parameters())
    changed = {key for key, value in done.parameters.items() if not torch.equal(value.detach(), done.values[key])}
    last_two = {key for key in done.values if key.startswith(("model.layers.1.", "model.layers.2."))}
    biases = {key for key in done.values if key.endswith(".bias")}
    assert changed == {"full": set(done.values), "partial": last_two, "bitfit": biases}.get(name, set())
    assert changed == {key for key, value in done.parameters.items() if value.requires_grad}


@every_method
@both
def test_the_loss_falls(name: str, architecture: Any) -> None:
    losses = run(name, architecture).losses
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.95 * losses[0]


@every_method
@both
@pytest.mark.parametrize("trainable", [False, True])
def test_what_is_loaded_says_what_was_saved(name: str, architecture: Any, trainable: bool) -> None:
    done = run(name, architecture)
    again = loaded(done, architecture, trainable=trainable).eval()
    assert any(each.requires_grad for each in again.parameters()) == trainable
    assert (logits(again, done.method.prepended(again)) - done.after).abs().max().item() <= ROUNDING
    assert (done.after - done.base).abs().max().item() > 0.1


@every_method
def test_a_loaded_adapter_trains_on(name: str) -> None:
    done = run(name, "qwen2")
    again = loaded(done, "qwen2", trainable=True)
    losses = train(name, again)
    assert min(losses) < min(done.losses)


@every_method
@both
def test_disabled_it_is_the_base_exactly(name: str, architecture: Any) -> None:
    done = run(name, architecture)
    again = loaded(done, architecture)
    with done.method.disabled(again):
        assert torch.equal(logits(again), done.base)
    assert (logits(again, done.method.prepended(again)) - done.after).abs().max().item() <= ROUNDING


@every_method
@both
def test_merged_it_says_nearly_the_same_and_is_a_plain_model_folder(name: str, architecture: Any, tmp_path: Path) -> None:
    done = run(name, architecture)
    again = loaded(done, architecture)
    served = done.method.served(tiny_model(architecture), options_of(name))
    assert set(served) <= set(done.method.routes)
    if "merged" not in served:
        with pytest.raises(ModelError, match="cannot be merged"):
            done.method.merge(again)
        return
    merged = done.method.merge(again)
    assert (logits(merged) - done.after).abs().max().item() <= MERGED
    merged.save_pretrained(tmp_path)
    opened: Any = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert torch.equal(logits(opened.eval()), logits(merged))


@every_method
def test_a_wrong_base_is_refused_with_every_mismatch(name: str) -> None:
    done, method = run(name, "qwen2"), method_of(name)
    with pytest.raises(ModelError) as narrow:
        method.load(tiny_model(hidden=48), done.folder)
    shapes = {key: list(value.shape) for key, value in tiny_model(hidden=48).named_parameters()}
    wrong = {re.sub(r"\.\d+\.", ".*.", key) for key, shape in shapes.items() if shape != list(done.values[key].shape)}
    assert len(wrong) > 10
    assert all(f"  {key}" in str(narrow.value) for key in wrong)
    with pytest.raises(ModelError, match=r"model\.layers\.\*\.mlp\.up_proj\.weight \(layers 3-4\): \[64, 32\] here, missing there"):
        method.load(tiny_model(layers=5), done.folder)
    with pytest.raises(ModelError, match=r"self_attn\.q_proj\.weight \(layers 2\): \[32, 32\] there, missing here"):
        method.load(tiny_model(layers=2), done.folder)
    lacking = without_module(without_module(tiny_model(), "model.layers.0.mlp.up_proj"), "model.layers.2.self_attn.o_proj")
    with pytest.raises(ModelError) as missing:
        method.load(lacking, done.folder)
    assert "mlp.up_proj.weight (layers 0)" in str(missing.value)
    assert "self_attn.o_proj.weight (layers 2)" in str(missing.value)
    with pytest.raises(ModelError, match="the architecture is qwen2 there, llama here"):
        method.load(tiny_model("llama"), done.folder)


@every_method
def test_a_refused_base_still_says_what_it_said(name: str) -> None:
    done, wrong = run(name, "qwen2"), tiny_model(layers=2)
    before = logits(wrong)
    with pytest.raises(ModelError):
        done.method.load(wrong, done.folder)
    assert torch.equal(logits(wrong), before)


@every_method
def test_unknown_options_and_bad_values_are_all_named(name: str) -> None:
    method = method_of(name)
    with pytest.raises(SettingsError) as caught:
        read_options(method, {"rnak": 8, "wrong": 1})
    assert len(caught.value.problems) == 2
    assert "no option 'rnak'" in caught.value.problems[0]
    assert all(field.description for field in method.Options.model_fields.values())
    assert read_options(method, {}) == method.Options()


@every_method
def test_saved_files_are_safetensors_and_json(name: str) -> None:
    names = {path.name for path in run(name, "qwen2").folder.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "base.json"} <= names
    assert {Path(each).suffix for each in names} == {".safetensors", ".json"}


@every_method
def test_the_same_seed_saves_the_same_bytes(name: str, tmp_path: Path) -> None:
    for part in ("one", "two"):
        model = fresh(name, tiny_model())
        train(name, model, steps=3)
        method_of(name).save(model, tmp_path / part)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@every_method
def test_new_parameters_have_the_dtype_of_the_base(name: str) -> None:
    model = fresh(name, tiny_model().to(torch.bfloat16))
    assert {each.dtype for each in model.parameters() if each.requires_grad} == {torch.bfloat16}
    assert all(math.isfinite(loss) for loss in train(name, model, steps=4))


@every_method
def test_generation_reads_the_adapter(name: str) -> None:
    """Greedy generation with a cache writes what the logits say one token at a time."""
    done = run(name, "qwen2")
    again = loaded(done, "qwen2")
    text = torch.arange(40, 52)[None]
    written = again.generate(input_ids=text, attention_mask=torch.ones_like(text), max_new_tokens=3, do_sample=False, eos_token_id=-1)
    for _ in range(3):
        with torch.no_grad():
            last = again(input_ids=text, attention_mask=torch.ones_like(text)).logits[:, -1:]
        text = torch.cat([text, last.argmax(-1)], dim=1)
    assert written[0, -3:].tolist() == text[0, -3:].tolist()


def test_an_adapter_of_another_method_is_refused() -> None:
    for name, other in (("lora", "bottleneck"), ("bottleneck", "lora"), ("full", "partial"), ("prompt", "ptuning"), ("ia3", "adalora")):
        with pytest.raises(ModelError, match=f"not of '{name}'"):
            method_of(name).load(tiny_model(), run(other, "qwen2").folder)


def test_every_method_answers_to_its_name() -> None:
    assert [method_of(name).name for name in METHODS.names() if name != "qlora"] == [name for name in METHODS.names() if name != "qlora"]
