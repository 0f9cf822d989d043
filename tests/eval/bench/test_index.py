"""The measurements of the index, small."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.bench.index import index_bench
from eval.bench.vectors import search_bench
from rag.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    corpus = tmp_path / "documents"
    corpus.mkdir()
    for number in range(120):
        text = f"---\nlanguage: en\n---\n# Page {number}\n\nWords about subject{number} and matter{number * 7}.\n"
        (corpus / f"{number}.md").write_text(text, encoding="utf-8")
    return Settings.model_validate({"home": tmp_path / "home", "corpus": corpus, "embed": {"backend": "hash"}})


def test_a_bench_measures_all_three_and_leaves_nothing(settings: Settings) -> None:
    before = {file: file.read_bytes() for file in settings.corpus.iterdir()}
    measured = index_bench(settings, settings.corpus, vectors=0)
    assert measured.throughput.chunks == 120
    assert 0 < measured.throughput.ratio <= 1
    assert 0 < measured.throughput.cpu_ratio <= 1
    assert 0 <= measured.throughput.bare_spread <= 2
    assert (measured.rebuild.documents, measured.rebuild.changed, measured.rebuild.embedded) == (120, 1, 1)
    assert measured.rebuild.seconds > 0
    assert measured.search is None
    assert {file: file.read_bytes() for file in settings.corpus.iterdir()} == before
    assert not settings.home.exists()


@pytest.mark.parametrize(("kind", "least"), [("exact", 1.0), ("hnsw", 0.95), ("ivf", 0.9)])
def test_recall_is_measured_against_exact_search(kind: str, least: float, settings: Settings, tmp_path: Path) -> None:
    chosen = settings.model_copy(update={"index": settings.index.model_copy(update={"kind": kind})})
    found = search_bench(chosen, tmp_path / "vectors", 3000)
    assert found.kind["kind"] == kind
    assert least <= found.recall <= 1.0
    assert 0 < found.p50_ms <= found.p95_ms
