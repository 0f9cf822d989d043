"""Following the live version, and keeping hold of one that is being replaced."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.embed.hashing import HashEmbedder
from rag.errors import IndexError_
from rag.index import manifest, versions
from rag.index.build import build
from rag.index.opened import open_current, open_live
from rag.index.store import STORES
from rag.settings import Settings

from .conftest import write

Make = Callable[..., Settings]
ROOT = Path(__file__).parents[3]


class Other(HashEmbedder):
    def identity(self):  # type: ignore[no-untyped-def]
        return {**super().identity(), "model": "other-embedder", "revision": "2"}


def edition(corpus: Path, number: int) -> None:
    """Every document of the corpus belongs to this edition, and says so."""
    write(corpus, {f"page{page}.txt": f"Page {page} of edition{number}: words about subject{page}." for page in range(5)})


def test_another_embedder_is_refused_and_both_are_named(settings: Settings) -> None:
    build(settings)
    with pytest.raises(IndexError_, match=r"made with hash .* the settings ask for other-embedder") as caught:
        open_live(settings, Other())
    assert "\n" not in str(caught.value)


def test_no_index_says_how_to_build_one(settings: Settings) -> None:
    with pytest.raises(IndexError_, match=r"no index 'default'.*atlas index build"):
        open_live(settings, HashEmbedder())


def test_a_new_version_is_picked_up_without_a_restart(settings: Settings, corpus: Path) -> None:
    first = build(settings).version
    live = open_live(settings, HashEmbedder())
    old = live.current()
    assert old.version == first
    write(corpus, {"new.txt": "Walruses have tusks."})
    second = build(settings).version
    assert live.current().version == second
    assert live.current() is live.current()
    assert live.current().lexical("walrus", 1)
    assert old.lexical("walrus", 1) == []
    versions.rollback(settings)
    assert live.current().version == first


def test_a_version_made_with_another_embedder_is_not_taken(settings: Settings, corpus: Path) -> None:
    first = build(settings).version
    live = open_live(settings, HashEmbedder())
    write(corpus, {"new.txt": "Walruses have tusks."})
    build(settings, embedder=Other())
    assert live.current().version == first
    assert "other-embedder" in live.problem
    write(corpus, {"new.txt": "Walruses have two tusks."})
    third = build(settings).version
    assert live.current().version == third
    assert live.problem == ""


@pytest.mark.parametrize("store", STORES.names())
def test_a_version_that_is_held_open_stays_whole_and_goes_when_it_is_free(store: str, make_settings: Make, corpus: Path) -> None:
    settings = make_settings(index={"store": store, "keep": 1})
    folder = versions.folder_of(settings)
    edition(corpus, 1)
    first = build(settings).version
    held = open_current(folder, settings.index)
    edition(corpus, 2)
    second = build(settings)
    assert any(first in note for note in second.notes)
    (name, _), *_ = held.dense(HashEmbedder().embed_query("Page 3 of edition1: words about subject3."), 1)
    assert "edition1" in held.chunks([name])[0].text
    assert held.lexical("edition1", 9)
    with pytest.raises(IndexError_, match="open in a running process"):
        versions.delete(settings, first)
    held.close()
    edition(corpus, 3)
    third = build(settings)
    assert versions.names(folder) == [third.version]
    assert third.notes == ()


def test_readers_never_see_half_of_a_version(make_settings: Make, corpus: Path) -> None:
    settings = make_settings(index={"keep": 1})
    edition(corpus, 0)
    build(settings)
    live = open_live(settings, HashEmbedder())
    stop, wrong, seen = threading.Event(), [], set()

    def ask() -> None:
        while not stop.is_set():
            index = live.current()
            texts = [chunk.text for chunk in index.chunks([name for name, _ in index.lexical("page", 20)]) if "edition" in chunk.text]
            editions = {text.split("edition")[1].split(":")[0] for text in texts}
            seen.update(editions)
            if len(editions) != 1 or len(texts) != 5:
                wrong.append(texts)

    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 8):
        edition(corpus, number)
        build(settings)
    stop.set()
    for reader in readers:
        reader.join(10)
    assert wrong == []
    assert len(seen) > 1
    assert live.current().version == versions.current(versions.folder_of(settings))


def test_another_process_may_have_it_open_and_is_not_disturbed(make_settings: Make, corpus: Path) -> None:
    settings = make_settings(index={"keep": 1})
    edition(corpus, 1)
    first = build(settings).version
    script = (
        "import sys; from pathlib import Path; from rag.settings import Settings\n"
        "from rag.index.opened import open_current; from rag.index import versions\n"
        "s = Settings(home=Path(sys.argv[1])); i = open_current(versions.folder_of(s), s.index)\n"
        "print('open', flush=True); sys.stdin.readline()\n"
        "print(i.version, len(i.lexical('edition1', 9)), flush=True)"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", script, str(settings.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert reader.stdout
    assert reader.stdout.readline() == "open\n"
    edition(corpus, 2)
    assert build(settings).notes
    said, _ = reader.communicate("go\n", timeout=30)
    assert said == f"{first} 5\n"
    assert versions.prune(versions.folder_of(settings), settings) == []
    assert first not in versions.names(versions.folder_of(settings))


def test_rollback_goes_back_one_and_names_what_it_cannot_find(settings: Settings, corpus: Path) -> None:
    made = []
    for number in range(3):
        edition(corpus, number)
        made.append(build(settings).version)
    assert versions.rollback(settings).version == made[1]
    assert versions.rollback(settings).version == made[0]
    with pytest.raises(IndexError_, match="no version older than"):
        versions.rollback(settings)
    assert versions.rollback(settings, made[2]).version == made[2]
    with pytest.raises(IndexError_, match="no version 19990101"):
        versions.rollback(settings, "19990101")


def test_delete_keeps_the_live_version_and_can_take_the_whole_index(settings: Settings, corpus: Path) -> None:
    edition(corpus, 1)
    first = build(settings).version
    edition(corpus, 2)
    second = build(settings).version
    with pytest.raises(IndexError_, match="is the live one"):
        versions.delete(settings, second)
    assert versions.delete(settings, first) == [first]
    assert versions.delete(settings) == [second]
    assert not versions.folder_of(settings).exists()
    with pytest.raises(IndexError_, match="no index"):
        versions.delete(settings)


@pytest.mark.parametrize("name", ["corpus.db", "vectors.f16.npy", "vectors/vectors.faiss", "lexical/data.csc.index.npy"])
def test_a_cut_off_file_is_one_clear_line_and_the_next_build_mends_it(name: str, settings: Settings) -> None:
    version = build(settings).version
    file = versions.folder_of(settings) / version / name
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(IndexError_, match=f"is damaged: {name}") as caught:
        open_live(settings, HashEmbedder())
    assert "\n" not in str(caught.value)
    assert not build(settings).unchanged
    open_live(settings, HashEmbedder())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is damaged"),
        ("[]", "has format None"),
        ('{"format": 99}', "has format 99; this version of Atlas reads format 1"),
        ('{"format": 1}', "missing or unknown"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_clear_line(text: str, says: str, settings: Settings) -> None:
    version = build(settings).version
    (versions.folder_of(settings) / version / manifest.FILE).write_text(text, encoding="utf-8")
    with pytest.raises(IndexError_, match=says) as caught:
        open_live(settings, HashEmbedder())
    assert "\n" not in str(caught.value)


def test_the_manifest_reads_back_what_was_written(settings: Settings, tmp_path: Path) -> None:
    described = manifest.read(versions.folder_of(settings) / build(settings).version)
    manifest.write(tmp_path, described)
    assert manifest.read(tmp_path) == described
    json.loads((tmp_path / manifest.FILE).read_text(encoding="utf-8"))
