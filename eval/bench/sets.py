"""A QA set on disk: a folder of documents and the questions about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import InputError
from rag.qa import Pair, read_pairs


@dataclass(frozen=True, slots=True)
class QaSet:
    """`name` is the folder's; `pairs` hold answerable and unanswerable questions, as the files do."""

    name: str
    corpus: Path
    pairs: tuple[Pair, ...]

    def answerable(self, limit: int = 0) -> list[Pair]:
        """Those with gold documents; `limit` > 0: that many, spread evenly over the set."""
        return spread([pair for pair in self.pairs if pair.answerable and pair.docs], limit)

    def unanswerable(self, limit: int = 0) -> list[Pair]:
        return spread([pair for pair in self.pairs if not pair.answerable], limit)


def spread(pairs: Sequence[Pair], limit: int) -> list[Pair]:
    """`limit` pairs at equal distances (all when 0), so that a part of a sorted file stands for the whole."""
    if limit <= 0 or limit >= len(pairs):
        return list(pairs)
    return [pairs[number * len(pairs) // limit] for number in range(limit)]


def cluster(pair: Pair) -> str:
    """What a question shares its fate with: its first document; pieces of one work are named `work__piece`."""
    return pair.docs[0].partition("__")[0] if pair.docs else pair.id


def open_set(folder: Path, *, qa: Sequence[Path] = ()) -> QaSet:
    """Read `folder/corpus` and `folder/qa.jsonl` (else every `folder/qa*.jsonl`); with `qa`, `folder` is the corpus itself.

    Raises InputError: a folder or file is missing, a line is bad, or no answerable question names an existing document.
    """
    root = folder if qa else folder / "corpus"
    files = list(qa) or ([folder / "qa.jsonl"] if (folder / "qa.jsonl").is_file() else sorted(folder.glob("qa*.jsonl")))
    if not root.is_dir() or not files:
        lacks = f"no folder {root}" if not root.is_dir() else f"no qa*.jsonl in {folder}"
        raise InputError(
            f"'{folder}' is not a QA set ({lacks}).", "Give a folder with corpus/ and qa.jsonl, or a corpus folder and --qa FILE."
        )
    pairs = read_pairs(files)
    asked = [pair for pair in pairs if pair.answerable and pair.docs]
    unknown = sorted({path for pair in asked for path in pair.docs if not (root / path).is_file()})
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise InputError(
            f"Gold documents that are not in {root}: {', '.join(unknown[:3])}{more}.", "Paths in `docs` are relative to the corpus folder."
        )
    if not asked:
        raise InputError(
            f"No question of {', '.join(map(str, files))} is answerable and names its documents.", "Retrieval is scored against `docs`."
        )
    whole = root.resolve()
    return QaSet(whole.parent.name if whole.name == "corpus" else whole.name, root, tuple(pairs))
