"""The retrieval benchmark on the hash embedder, and against other libraries on real weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.bench.pipelines import bench_pipelines
from eval.bench.retrieval import bench_retrieval
from eval.bench.scoring import METRICS, score, summarise
from eval.bench.sets import open_set
from rag.errors import UserError
from rag.index import versions
from rag.models.folder import ModelFolder
from rag.qa import Pair
from rag.settings import Embed, Settings

PAIRS = [Pair("1", "?", ("x",), ("a.md",)), Pair("2", "?", ("x",), ("b.md", "c.md"))]


def test_every_mode_gets_every_metric_with_an_interval_and_is_compared(folder: Path, settings: Settings) -> None:
    report = bench_retrieval(open_set(folder), settings)
    assert [line.system for line in report.systems] == ["dense", "lexical", "fused"]
    assert [line.system for line in report.differences] == ["fused - dense", "fused - lexical"]
    for line in report.systems:
        assert tuple(line.metrics) == METRICS
        assert all(0 <= interval.low <= interval.mean <= interval.high <= 1 for interval in line.metrics.values())
    assert report.systems[2].metrics["hit@1"].mean == 1
    assert (report.questions, report.clusters, report.documents) == (4, 3, 4)


def test_it_leaves_the_users_own_index_alone(folder: Path, settings: Settings) -> None:
    bench_retrieval(open_set(folder), settings, limit=1)
    assert not versions.live(versions.folder_of(settings))


def test_finding_the_copy_that_was_kept_is_finding_the_file(folder: Path, settings: Settings) -> None:
    original = (folder / "corpus" / "lora__1.md").read_text(encoding="utf-8")
    (folder / "corpus" / "a_copy.md").write_text(original, encoding="utf-8")
    report = bench_retrieval(open_set(folder), settings)
    assert len(report.twins) == 1
    assert report.systems[2].metrics["hit@1"].mean == 1


def test_documents_are_ranked_by_their_best_chunk() -> None:
    scored = score("mine", PAIRS, [["x.md", "x.md", "a.md"], ["c.md", "b.md", "c.md"]])
    assert scored.column("MRR@10") == [0.5, 1.0]
    assert scored.column("nDCG@10")[1] == pytest.approx(1)


def test_a_copy_counts_as_its_original_for_every_system() -> None:
    assert score("theirs", PAIRS[:1], [["a_copy.md"]], twins={"a_copy.md": "a.md"}).column("hit@1") == [1.0]
    assert score("theirs", PAIRS[:1], [["a.md"]], twins={"a.md": "first.md"}).column("hit@1") == [1.0]


def test_differences_are_paired() -> None:
    one, other = score("one", PAIRS, [["a.md"], ["b.md"]]), score("other", PAIRS, [["z.md"], ["b.md"]])
    _, (line,) = summarise(PAIRS, [one, other], [("one", "other")])
    assert line.system == "one - other"
    assert line.metrics["hit@1"].mean == 0.5


def test_pipelines_need_an_embedder_that_others_can_load(folder: Path, settings: Settings) -> None:
    with pytest.raises(UserError, match="hash"):
        bench_pipelines(open_set(folder), settings)


@pytest.mark.model
def test_other_libraries_answer_the_same_questions_with_the_same_weights(folder: Path, settings: Settings, e5: ModelFolder) -> None:
    real = settings.model_copy(update={"embed": Embed(model=str(e5.path))})
    report = bench_pipelines(open_set(folder), real, limit=2)
    assert [line.system for line in report.systems] == ["Atlas", "LlamaIndex", "LlamaIndex + prefixes", "LangChain", "LangChain + prefixes"]
    assert len(report.differences) == 4
    assert all(line.metrics["hit@10"].mean == 1 for line in report.systems)
