"""What the tests of generation share: a tokenizer of words, a fake server, and one real vLLM for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.models.folder import ModelFolder
from rag.serve import processes, state, vllm
from rag.settings import Settings


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose tokenizer counts words; it has no weights to speak of."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    folder = tmp_path_factory.mktemp("words")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")  # not longer: the tests of the page need the memory
def vllm_settings(smollm2: ModelFolder, tmp_path_factory: pytest.TempPathFactory, model_home: Path) -> Iterator[Settings]:
    """Settings whose managed server runs: the smallest model, started once; compiled graphs are kept in the home of the models."""
    home = tmp_path_factory.mktemp("vllm")
    (model_home / "cache").mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to((model_home / "cache").resolve())
    settings = Settings.model_validate(
        {
            "home": home,
            "models": {"hub": False},
            "generate": {"model": str(smollm2.path), "timeout": 300},
            "serve": {"port": 8120, "lora": "on", "kv_cache_gb": 1, "max_model_len": 2048, "start_timeout": 900},
        }
    )
    vllm.start(settings)
    yield settings
    assert vllm.stop(settings)
    assert not processes.marked(state.mark_of(home))
