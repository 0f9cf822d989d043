"""What the options of the tuning methods do, and what a base must have for them."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adapters.method import METHODS, read_options
from adapters.methods import files
from adapters.methods.files import differences
from adapters.tiny import save_tiny, tiny_model, tiny_tokenizer
from rag.errors import ModelError, SettingsError, UserError
from tests.adapters.method_runs import STEPS, fresh, logits, method_of, options_of, run, train


def trained_names(model: Any) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_lora_adapts_the_modules_and_layers_that_it_is_told() -> None:
    names = trained_names(fresh("lora", tiny_model(), targets="attention"))
    assert names and all(".self_attn." in name for name in names)
    names = trained_names(fresh("lora", tiny_model(), targets=("up_proj",), layers=1))
    assert len(names) == 2 and all(".layers.2.mlp.up_proj." in name for name in names)


def test_modules_and_layers_that_the_base_does_not_have_are_named() -> None:
    with pytest.raises(ModelError, match=r"wq, wk\. Choose from: down_proj, gate_proj"):
        fresh("lora", tiny_model(), targets=("wq", "q_proj", "wk"))
    with pytest.raises(ModelError, match="has 3 layers, not 4"):
        fresh("dora", tiny_model(), layers=4)
    with pytest.raises(ModelError, match="has no linear modules"):
        model = tiny_model()
        for layer in model.model.layers:
            layer.self_attn, layer.mlp = torch.nn.Identity(), torch.nn.Identity()
        fresh("lora", model)
    with pytest.raises(ModelError, match="has no mlp block, only: self_attn"):
        model = tiny_model()
        for layer in model.model.layers:
            del layer.mlp
        fresh("bottleneck", model)


def test_rslora_is_lora_at_another_scale() -> None:
    scales = [
        fresh(name, tiny_model(), r=16, alpha=32).base_model.model.model.layers[0].mlp.up_proj.scaling["default"]
        for name in ("lora", "rslora")
    ]
    assert scales == [32 / 16, 32 / math.sqrt(16)]


def test_a_lora_folder_says_what_a_model_server_reads() -> None:
    config = json.loads((run("lora", "qwen2").folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"], config["bias"], config["modules_to_save"]) == (
        "LORA",
        16,
        32,
        "none",
        None,
    )
    assert config["target_modules"] == sorted(config["target_modules"])
    assert config["inference_mode"] is True


def test_a_saved_folder_holds_no_path_of_this_machine(tmp_path: Path) -> None:
    model = tiny_model()
    model.name_or_path = str(save_tiny(tmp_path / "somewhere" / "tiny"))
    method = method_of("prompt")
    method.save(method.attach(model, options_of("prompt", start="text")), tmp_path / "adapter")
    assert all(str(tmp_path) not in path.read_text() for path in (tmp_path / "adapter").glob("*.json"))
    assert json.loads((tmp_path / "adapter" / "base.json").read_text())["name"] == "tiny"


def test_a_prompt_can_start_from_a_text(tmp_path: Path) -> None:
    model = tiny_model()
    model.name_or_path = str(save_tiny(tmp_path))
    prompt = fresh("prompt", model, start="text", text="Hey", tokens=5).prompt_encoder["default"].embedding.weight
    words = tiny_model().get_input_embeddings().weight[tiny_tokenizer()("HeyHe").input_ids]
    assert torch.equal(prompt, words)
    with pytest.raises(ModelError, match="needs a text, and the folder of the base model"):
        fresh("prompt", tiny_model(), start="text")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("prefix", {"hidden": 8}),
        ("prefix", {"network": False}),
        ("ptuning", {"hidden": 8}),
        ("ptuning", {"network": "lstm", "dropout": 0.1}),
    ],
)
def test_the_networks_of_virtual_tokens_can_be_chosen_and_come_back(name: str, values: dict[str, Any], tmp_path: Path) -> None:
    model = fresh(name, tiny_model(), **values)
    train(name, model, steps=3)
    method_of(name).save(model, tmp_path)
    for trainable in (False, True):
        again = method_of(name).load(tiny_model(), tmp_path, trainable=trainable).eval()
        assert torch.allclose(logits(again), logits(model), atol=1e-5)


def test_adalora_prunes_to_its_budget_and_needs_the_length_of_the_run() -> None:
    kept = run("adalora", "qwen2").model.peft_config["default"].rank_pattern
    assert sum(map(sum, kept.values())) == 16 * 21  # 3 layers of 7 modules
    with pytest.raises(ModelError, match="this one has 0 steps"):
        method_of("adalora").attach(tiny_model(), method_of("adalora").Options())
    with pytest.raises(SettingsError, match=r"target_r \(16\) must be below r \(8\)"):
        read_options(method_of("adalora"), {"r": 8})


def test_adalora_can_be_saved_in_the_middle_of_a_run(tmp_path: Path) -> None:
    method = method_of("adalora")
    model = fresh("adalora", tiny_model())
    train("adalora", model, steps=STEPS // 2)
    method.save(model, tmp_path)
    assert torch.allclose(logits(method.load(tiny_model(), tmp_path)), logits(model), atol=1e-5)
    train("adalora", model)


def test_adaloras_penalty_is_what_peft_adds_to_a_loss_of_its_own() -> None:
    model = fresh("adalora", tiny_model())
    tokens = torch.arange(10)[None]
    with torch.no_grad():
        said = model(input_ids=tokens, labels=tokens)
        plain = torch.nn.functional.cross_entropy(said.logits[0, :-1], tokens[0, 1:])
        assert said.loss.item() == pytest.approx((plain + method_of("adalora").penalty(model)).item(), rel=1e-5)


def test_bottlenecks_stand_where_their_paper_puts_them() -> None:
    houlsby, pfeiffer = (trained_names(fresh("bottleneck", tiny_model(), place=place)) for place in ("houlsby", "pfeiffer"))
    assert {name.split(".")[3] for name in houlsby} == {"self_attn", "mlp"}
    assert {name.split(".")[3] for name in pfeiffer} == {"mlp"}


def test_a_copied_model_uses_its_own_bottlenecks() -> None:
    import copy

    model = fresh("bottleneck", tiny_model())
    twin, said = copy.deepcopy(model), logits(model)
    train("bottleneck", twin, steps=2)
    assert torch.equal(logits(model), said)
    assert not torch.equal(logits(twin), said)


def test_bitfit_adds_biases_where_the_base_has_none_and_says_so() -> None:
    config = json.loads((run("bitfit", "llama").folder / "adapter_config.json").read_text())
    assert len(config["added"]) == 3 * 7
    assert json.loads((run("bitfit", "qwen2").folder / "adapter_config.json").read_text())["added"] == []
    with pytest.raises(ModelError, match="has no bias terms"):
        fresh("bitfit", tiny_model("llama"), add="never")


def test_added_biases_are_merged_only_where_the_configuration_can_say_that_they_are_there() -> None:
    method = method_of("bitfit")
    everywhere = options_of("bitfit", add="all")
    assert method.served(tiny_model("llama"), options_of("bitfit")) == ("merged", "in-process")
    assert method.served(tiny_model("qwen2"), options_of("bitfit")) == ("merged", "in-process")
    assert method.served(tiny_model("qwen2"), everywhere) == ("in-process",)
    with pytest.raises(ModelError, match="no place for the 12 biases"):
        method.merge(method.attach(tiny_model("qwen2"), everywhere))
    with torch.device("meta"):
        assert method.served(tiny_model("qwen2"), everywhere) == ("in-process",)


def test_partial_trains_the_last_layers_and_the_head_if_wanted() -> None:
    names = trained_names(fresh("partial", tiny_model(tied=False), layers=1, head=True))
    assert {".".join(name.split(".")[:3]) for name in names} == {"model.layers.2", "lm_head.weight"}
    assert trained_names(fresh("partial", tiny_model(), layers=0, head=True)) == {"model.embed_tokens.weight"}
    with pytest.raises(SettingsError, match="nothing would be trained"):
        read_options(method_of("partial"), {"layers": 0})
    assert "model.embed_tokens.weight" not in trained_names(fresh("full", tiny_model(), embeddings=False))


@pytest.mark.parametrize("name", ["lora", "adalora", "ia3", "prefix", "ptuning", "prompt", "bottleneck", "full", "bitfit"])
def test_a_folder_without_base_json_is_checked_by_its_tensors(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(run(name, "qwen2").folder, folder)
    (folder / files.BASE).unlink()
    for wrong in (tiny_model(hidden=48), tiny_model(hidden=48, layers=2)):
        before = logits(wrong)
        with pytest.raises(ModelError, match="mismatches"):
            method_of(name).load(wrong, folder)
        assert torch.equal(logits(wrong), before)
    method_of(name).load(tiny_model(), folder)


def test_damaged_and_missing_files_are_one_line(tmp_path: Path) -> None:
    for name in ("lora", "full"):
        with pytest.raises(ModelError, match=r"adapter_config\.json cannot be read"):
            method_of(name).load(tiny_model(), tmp_path)
        shutil.copytree(run(name, "qwen2").folder, tmp_path / name)
        (tmp_path / name / files.WEIGHTS).write_bytes(b"broken")
        with pytest.raises(ModelError, match="cannot be read"):
            method_of(name).load(tiny_model(), tmp_path / name)


def test_without_bitsandbytes_qlora_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adapters.methods.qlora", raising=False)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(UserError, match=r"pip install 'finetuning-atlas\[quantize\]'"):
        METHODS.load("qlora")


shapes = st.dictionaries(st.from_regex(r"(model\.layers\.[0-9]\.)?[a-c]\.weight", fullmatch=True), st.lists(st.integers(1, 3), max_size=2))


@given(there=shapes, here=shapes)
def test_differences_are_none_exactly_when_the_shapes_are_the_same(there: dict[str, list[int]], here: dict[str, list[int]]) -> None:
    assert (differences(there, here) == []) == (there == here)
    assert len(differences(there, here)) == len(differences(here, there))


def test_the_tiny_tokenizer_gives_any_text_back() -> None:
    tokenizer = tiny_tokenizer()
    for text in ("Hello, world", "Ответ: 5 %", " \n\t<tag> 😀"):
        assert tokenizer.decode(tokenizer(text).input_ids) == text
