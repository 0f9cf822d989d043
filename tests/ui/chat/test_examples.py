"""Questions to try."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ROOT
from ui.chat.examples import LONGEST, SHOWN, examples


def test_the_shipped_pairs_give_questions_in_both_languages_and_one_beyond_the_documents() -> None:
    files = [ROOT / f"corpora/atlas/qa/dev.{language}.jsonl" for language in ("en", "ru")]
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    known = {" ".join(row["question"].split()): row for row in rows}
    chosen = examples(files)
    for language in ("en", "ru"):
        picked = [known[question] for question in chosen[language]]
        assert len(picked) == SHOWN
        assert {row["lang"] for row in picked} == {"en", "ru"}
        assert sum(not row["answerable"] for row in picked) == 1
        assert all(len(row["question"]) <= LONGEST for row in picked)


def test_without_pairs_there_are_none(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{", encoding="utf-8")
    assert examples([]) == examples([broken]) == examples([tmp_path / "missing"]) == {"en": (), "ru": ()}
