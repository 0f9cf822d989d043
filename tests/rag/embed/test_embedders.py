"""Laws of every registered embedder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag.embed.embedder import EMBEDDERS, Embedder, describe, open_embedder
from rag.settings import Settings

ROOT = Path(__file__).parents[3]
PASSAGES = [
    "LoRA adds two small matrices to a frozen weight.",
    "Retrieval finds passages in an index and puts them into the prompt.",
    "Ретроспективный поиск находит отрывки текста и добавляет их в запрос.",
    "x",
    "Long. " * 3000,
    "",
    "a lone surrogate: \ud800",
]


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=() if name == "hash" else pytest.mark.model) for name in EMBEDDERS.names()]
)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return open_embedder(Settings(home=ROOT / ".atlas", embed={"backend": request.param}))


def test_vectors_are_unit_float32_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(PASSAGES)
    assert vectors.shape == (len(PASSAGES), embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    for row in (0, 2, 4):
        assert embedder.embed_passages([PASSAGES[row]])[0] @ vectors[row] > 0.998


def test_stress_marks_soft_hyphens_and_decomposed_letters_change_nothing(embedder: Embedder) -> None:
    plain, marked = embedder.embed_passages(["Ёлки Ивана и café", "Е\u0308\u0301лки Ива\u0301на и\u200b ca\u00adfe\u0301"])
    assert plain @ marked > 0.999
    assert embedder.embed_query("Ива\u0301на") @ embedder.embed_query("Ивана") > 0.999


def test_a_query_is_one_unit_vector_and_comes_out_the_same_again(embedder: Embedder) -> None:
    first = embedder.embed_query("What does LoRA add?")
    assert first.shape == (embedder.dimension,)
    assert first.dtype == np.float32
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(first, embedder.embed_query("What does LoRA add?"))


def test_the_passage_that_answers_is_nearest(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(PASSAGES[:3])
    assert int(np.argmax(vectors @ embedder.embed_query("LoRA adds matrices to a weight"))) == 0
    assert int(np.argmax(vectors @ embedder.embed_query("поиск отрывков текста находит"))) == 2


def test_no_text_gives_no_vector(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)


def test_progress_ends_at_the_total(embedder: Embedder) -> None:
    seen: list[tuple[int, int]] = []
    embedder.embed_passages(PASSAGES[:4], progress=lambda stage, done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)


def test_identity_says_what_the_vectors_depend_on(embedder: Embedder) -> None:
    identity = embedder.identity()
    assert identity.keys() >= {"model", "revision", "query_prefix", "passage_prefix", "dimension", "max_tokens"}
    assert identity["dimension"] == embedder.dimension
    assert str(identity["model"]) in describe(identity)


def test_the_tokenizer_counts_its_spans(embedder: Embedder) -> None:
    counter = embedder.tokenizer()
    text = "Обучение LoRA-адаптера, step by step."
    spans = counter.spans(text)
    assert counter.count(text) == len(spans)
    assert all(0 <= start <= end <= len(text) for start, end in spans)


@pytest.mark.model
def test_identity_and_tokenizer_do_not_load_torch() -> None:
    script = (
        "import sys; from pathlib import Path; from rag.embed.embedder import open_embedder; from rag.settings import Settings\n"
        "e = open_embedder(Settings(home=Path('.atlas'))); e.identity(); e.tokenizer().count('text'); print(e.dimension)\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "384\n"), done.stderr


@pytest.mark.model
def test_the_prefixes_of_e5_are_used() -> None:
    embedder = open_embedder(Settings(home=ROOT / ".atlas"))
    identity = embedder.identity()
    assert (identity["query_prefix"], identity["passage_prefix"]) == ("query: ", "passage: ")
    text = "LoRA adds two small matrices."
    assert not np.allclose(embedder.embed_query(text), embedder.embed_passages([text])[0], atol=1e-3)


@pytest.mark.model
def test_vectors_agree_with_sentence_transformers_own_in_float32() -> None:
    from sentence_transformers import SentenceTransformer

    from rag.models.folder import resolve

    settings = Settings(home=ROOT / ".atlas")
    plain = SentenceTransformer(str(resolve(settings.embed.model, settings).path), device="cpu", model_kwargs={"dtype": "float32"})
    texts = PASSAGES[:4]
    theirs = plain.encode([f"passage: {text}" for text in texts], prompt="", normalize_embeddings=True)
    assert np.sum(theirs * open_embedder(settings).embed_passages(texts), axis=1) == pytest.approx(1, abs=4e-3)
