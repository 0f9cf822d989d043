"""A job as a card: its state in words, a bar with count and time left, the end of its output. Everything is escaped."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path

from ui.chat.text import Language
from ui.jobs.jobs import Job
from ui.jobs.text import TEXTS, JobText
from ui.messages.translation import translated
from ui.plain import one_line, plain

KEEP_OPEN = """
const open = new Set();
element.addEventListener("toggle", (event) => event.target.open ? open.add(event.target.id) : open.delete(event.target.id), true);
watch("value", () => element.querySelectorAll("details").forEach((each) => { if (open.has(each.id)) each.open = true; }));
"""
"""For the `js_on_load` of the gr.HTML that shows cards: output that was opened stays open from picture to picture."""
ICONS = {"waiting": "…", "running": "▸", "done": "✓", "failed": "!", "stopped": "■", "lost": "?"}


def style() -> str:
    """The style sheet of cards, for the page that shows them."""
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def job_card(job: Job, language: Language) -> str:
    """HTML of one job. Its ids begin with the job's own, so that an opened output can be kept open."""
    text = TEXTS[language]
    state = text.stopping if job.stopping else text.states[job.state]
    head = (
        f'<header><h3>{escape(one_line(job.title, 160))}</h3><p class="state" role="status">'
        f'<span class="icon" aria-hidden="true">{ICONS[job.state]}</span>{state}</p></header>'
    )
    parts = [head, _bar(job, text), _why(job, text), _output(job, text)]
    return f'<article class="job {job.state}" id="{escape(job.id)}" lang="{language}">{"".join(parts)}</article>'


def _bar(job: Job, text: JobText) -> str:
    if job.state not in ("running", "stopped"):
        took = text.took.format(text.duration(job.ended - job.began)) if job.ended and job.state in ("done", "failed") else ""
        return f'<p class="count">{took}</p>' if took else ""
    stage = escape(one_line(text.stage(job.stage), 120)) if job.stage else text.starting
    said = [stage]
    if job.total:
        said.append(text.count.format(text.number(job.done), text.number(job.total)))
    elif job.done:
        said.append(text.number(job.done))
    if job.seconds_left is not None and not job.stopping:
        said.append(text.left.format(text.duration(job.seconds_left)))
    elif job.state == "running":
        said.append(text.duration(time.time() - job.began))
    counted = f' value="{min(job.done, job.total)}" max="{job.total}"' if job.total else ""
    bar = f'<progress aria-label="{text.progress.format(stage)}"{counted}></progress>' if job.state == "running" else ""
    return f'{bar}<p class="count">{" · ".join(said)}</p>'


def _why(job: Job, text: JobText) -> str:
    if job.state == "failed":
        return f'<p class="problem">{escape(plain(translated(job.problem, text.code))).replace(chr(10), "<br>")}</p>'
    why = {"waiting": text.waiting_why, "lost": text.lost_why}.get(job.state, "")
    return f'<p class="why">{why}</p>' if why else ""


def _output(job: Job, text: JobText) -> str:
    if not job.lines:
        return ""
    lines = escape("\n".join(plain(text.line(line)) for line in job.lines))
    return f'<details id="{escape(job.id)}-output"><summary>{text.output}</summary><pre tabindex="0">{lines}</pre></details>'
