"""Tokens: the training prompt is the serving prompt, to the token, and the answer ends as generation ends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.data.tokens import encode, encode_all, end_of_turn, prompt_ids
from adapters.example import Example
from rag.context.prompt import build_messages
from rag.errors import ModelError
from rag.types import Message
from tests.adapters.data.towns import source

TEMPLATE = (
    "{% for m in messages %}<|start|> {{ m['role'] }} {{ m['content'] }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|start|> assistant {% endif %}"
)


@pytest.fixture(scope="module")
def words() -> Any:
    """A transformers tokenizer over words, with a chat template."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    names = ["[UNK]", "<|start|>", "<|end|>", "<|text|>", "user", "system", "assistant", *(f"w{number}" for number in range(50))]
    inner = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))
    inner.pre_tokenizer = WhitespaceSplit()
    made: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner, eos_token="<|text|>", additional_special_tokens=["<|start|>", "<|end|>"]
    )
    made.chat_template = TEMPLATE
    return made


def example(number: int, *, target: str = "w1 w2", length: int = 3) -> Example:
    words = " ".join(f"w{(number + at) % 50}" for at in range(length))
    return Example(str(number), (Message("user", words),), target, "gold")


def test_an_example_is_prompt_answer_and_the_end_that_the_template_writes(words: Any) -> None:
    encoded = encode(example(3), words)
    assert " ".join(words.convert_ids_to_tokens(list(encoded.ids))) == "<|start|> user w3 w4 w5 <|end|> <|start|> assistant w1 w2 <|end|>"
    assert words.convert_ids_to_tokens(encoded.ids[encoded.answer_start]) == "w1"
    assert isinstance(encoded.ids, tuple)


def test_raw_text_has_no_template_and_every_token_is_learned(words: Any) -> None:
    encoded = encode(Example("t", (), "w1 w2 w3", "text"), words)
    assert words.convert_ids_to_tokens(list(encoded.ids)) == ["w1", "w2", "w3"] and encoded.answer_start == 0


def test_too_long_examples_are_left_out_and_counted(words: Any) -> None:
    examples = [example(number, length=10 * (number % 3 + 1)) for number in range(9)]
    found = encode_all(examples, words, longest=28)
    assert (len(found.encoded), found.too_long, found.kept) == (6, 3, (0, 1, 3, 4, 6, 7))
    assert found.encoded[2] == encode(examples[3], words)
    assert found.tokens == sum(len(each.ids) for each in found.encoded)


def test_what_is_cached_is_what_was_encoded_and_other_content_has_another_file(words: Any, tmp_path: Path) -> None:
    examples = [example(number) for number in range(5)]
    fresh = encode_all(examples, words, longest=100, cache=tmp_path)
    [file] = tmp_path.iterdir()
    seen: list[str] = []
    again = encode_all(examples, words, longest=100, cache=tmp_path, progress=lambda stage, done, total: seen.append(stage))
    assert again == fresh and not seen
    encode_all([*examples[:4], example(4, target="w9")], words, longest=100, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    file.write_bytes(file.read_bytes()[:50])
    assert encode_all(examples, words, longest=100, cache=tmp_path) == fresh
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["ids"].dtype == np.int32


def test_a_model_without_a_chat_template_is_one_clear_line(words: Any) -> None:
    class Bare:
        chat_template = None

    with pytest.raises(ModelError, match="chat template"):
        prompt_ids([Message("user", "w1")], Bare())


PASSAGES = [source("a.md", "The rank is 16 <b>.\n\n| a | b |\n"), source("b.md", "Ранг равен 16.", number=2)]
ASKED = {
    "en": build_messages("What is the rank?", style="short", sources=PASSAGES),
    "ru": build_messages("Чему равен ранг?", style="full", sources=PASSAGES),
    "alone": build_messages("What is the rank?", style="short"),
    "talk": build_messages(
        "Why?", style="full", sources=PASSAGES, history=[Message("user", "Is it 16?"), Message("assistant", "Yes. [1]")]
    ),
}


@pytest.mark.model
@pytest.mark.parametrize("name", ["qwen", "smollm2"])
def test_training_prompt_and_end_are_those_of_the_served_model(name: str, request: pytest.FixtureRequest) -> None:
    from transformers import AutoTokenizer

    folder = request.getfixturevalue(name).path
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    ends = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    assert end_of_turn(tokenizer) in (ends if isinstance(ends, list) else [ends])
    for messages in ASKED.values():
        spoken = [{"role": message.role, "content": message.content} for message in messages]
        served = tokenizer.apply_chat_template(spoken, add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"][0]
        text = tokenizer.apply_chat_template(spoken, add_generation_prompt=True, tokenize=False)
        for target in ("16", "Ранг равен 16. [2]", "I don't know."):
            encoded = encode(Example("e", tuple(messages), target, "gold"), tokenizer)
            assert list(encoded.ids[: encoded.answer_start]) == served.tolist()
            assert list(encoded.ids[: encoded.answer_start]) == tokenizer(text, add_special_tokens=False)["input_ids"]
            whole = tokenizer.apply_chat_template([*spoken, {"role": "assistant", "content": target}], return_dict=False)
            assert list(encoded.ids) == whole[: len(encoded.ids)]
            assert tokenizer.decode(list(encoded.ids[encoded.answer_start :]), skip_special_tokens=True) == target
