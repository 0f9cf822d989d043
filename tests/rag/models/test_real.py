"""The real models as the packages give them: they speak, embed, and carry the chat template and end tokens of their makers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.models import manifest
from rag.models.folder import ModelFolder
from rag.models.tokenizer import Tokenizer

pytestmark = pytest.mark.model

QWEN_PROMPT = (  # the maker's template, written out for one system and one user message
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is LoRA?<|im_end|>\n"
    "<|im_start|>assistant\nAn adapter.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
)
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is LoRA?"},
    {"role": "assistant", "content": "An adapter."},
    {"role": "user", "content": "Why?"},
]
TEXTS = ["How is a LoRA adapter trained?", "Как обучить адаптер LoRA?", "import os\nprint(os.name)  # три\n", "ﬁ ½ № é 中文 🙂", ""]


def config(folder: ModelFolder, name: str) -> dict[str, Any]:
    return dict(json.loads((folder.path / name).read_text(encoding="utf-8")))


def generate(folder: ModelFolder, question: str) -> str:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder.path)
    model: Any = AutoModelForCausalLM.from_pretrained(folder.path)
    assert model.dtype == torch.bfloat16
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    written = model.generate(**prompt, max_new_tokens=24, do_sample=False)[0][prompt["input_ids"].shape[1] :]
    return str(tokenizer.decode(written))


def test_qwens_chat_prompt_is_its_makers(qwen: ModelFolder) -> None:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(qwen.path)
    assert tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, tokenize=False) == QWEN_PROMPT
    default = tokenizer.apply_chat_template(CHAT[1:2], tokenize=False)
    assert default.startswith("<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n")
    assert tokenizer("<|im_start|>").input_ids == [151644] and tokenizer.pad_token == "<|endoftext|>"


def test_qwen_ends_at_both_of_its_end_tokens_and_has_one_embedding_matrix(qwen: ModelFolder) -> None:
    generation, model = config(qwen, "generation_config.json"), config(qwen, "config.json")
    assert generation["eos_token_id"] == [151645, 151643] and generation["pad_token_id"] == 151643
    assert model["tie_word_embeddings"] is True and model["rms_norm_eps"] == 1e-6 and "quantization_config" not in model
    assert (qwen.path / "model.safetensors").stat().st_size < 1_000_000_000


def test_qwen_answers_in_both_languages_and_stops(qwen: ModelFolder) -> None:
    assert generate(qwen, "What is the capital of France? Answer in one word.") in ("Paris<|im_end|>", "Paris.<|im_end|>")
    assert "Москва" in generate(qwen, "Столица России? Ответь одним словом.")


def test_the_small_model_answers_and_stops(smollm2: ModelFolder) -> None:
    answer = generate(smollm2, "What is the capital of France?")
    assert "Paris" in answer and answer.endswith("<|im_end|>")


def test_the_embedder_finds_the_meaning_across_languages(e5: ModelFolder) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(e5.path), device="cpu")
    queries = model.encode(["How is an adapter trained?", "Где живут пингвины?"], prompt_name="query", normalize_embeddings=True)
    passages = model.encode(
        ["Адаптер обучают на парах вопросов и ответов.", "Penguins live in the Antarctic."],
        prompt_name="document",
        normalize_embeddings=True,
    )
    scores = queries @ passages.T
    assert scores.shape == (2, 2) and passages.shape[1] == 384
    assert scores[0, 0] > scores[0, 1] + 0.05 and scores[1, 1] > scores[1, 0] + 0.05


@pytest.mark.parametrize("model", ["qwen", "smollm2", "e5"])
def test_our_token_counts_are_those_of_transformers(model: str, request: pytest.FixtureRequest) -> None:
    from transformers import AutoTokenizer

    folder: ModelFolder = request.getfixturevalue(model)
    theirs: Any = AutoTokenizer.from_pretrained(folder.path)
    ours = Tokenizer(folder.path)
    assert [ours.count(text) for text in TEXTS] == [len(theirs(text, add_special_tokens=False).input_ids) for text in TEXTS]


@pytest.mark.parametrize("model", ["qwen", "smollm2", "e5"])
def test_a_fetched_model_verifies_and_says_where_it_came_from(model: str, request: pytest.FixtureRequest) -> None:
    folder: ModelFolder = request.getfixturevalue(model)
    facts = manifest.read(folder.path)
    assert manifest.verify(folder.path) == []
    assert facts["licence"] in ("Apache-2.0", "MIT") and facts["revision"] == folder.revision
    assert Path(folder.path).name == facts["name"]
