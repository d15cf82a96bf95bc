"""How well the offline recogniser understands synthetic speech, and how well it refuses what it should not understand.

`python experiments/voice/score.py` prints the table of the held-out voices and sentences as Markdown;
`python experiments/voice/score.py fit` prints the confidence's weights, fitted on the development ones.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from medxpert.recognisers.decoding import Fit, GrammarDecoder
from medxpert.recognisers.grammar import GrammarRecogniser, confidence
from medxpert.recognisers.sound import RATE_HZ, Recording, read_sound

HERE = Path(__file__).parent
VOICES = {
    "development": ["en-us 160 50", "en-us+f3 150 50", "en-gb 150 50", "en-us+m3 130 40", "en-us-nyc 170 50"],
    "held out": [
        "en-us+f2 145 60", "en-us+m7 165 35", "en-us 185 55", "en-us-nyc+f4 155 50", "en-gb-x-rp 150 50",
        "en-gb-scotland 150 50", "en-029 140 50",
    ],
}  # fmt: skip
"""espeak-ng's voice, words a minute, pitch."""
log = logging.getLogger(__name__)


class Heard(NamedTuple):
    """One utterance as it was read."""

    voice: str
    said: str
    """"" where nothing of the grammar was said."""
    read: str
    fit: Fit | None


def words_wrong(said: str, read: str) -> int:
    """Return the edit distance of two sentences in words."""
    row = list(range(len(read.split()) + 1))
    for i, one in enumerate(said.split(), 1):
        before, row[0] = row[0], i
        for j, other in enumerate(read.split(), 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def spoken(voice: str, sentence: str, folder: Path) -> Recording:
    """Have one sentence spoken by espeak-ng."""
    name, speed, pitch = voice.split()
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", name, "-s", speed, "-p", pitch, "-w", path, sentence], check=True)
    return read_sound(path)


def noises() -> Iterator[Recording]:
    """Yield two seconds each of hiss, rumble, hum, clicks and a chirp at two loudnesses."""
    rng, size = np.random.default_rng(7), 2 * RATE_HZ
    time = np.arange(size) / RATE_HZ
    white = rng.normal(0, 1, size)
    kinds = (
        white,
        np.cumsum(white) - np.linspace(0, white.sum(), size),
        np.sign(np.sin(2 * np.pi * 50 * time)) + 0.1 * white,
        np.where(rng.random(size) < 0.002, 1.0, 0.0) + 0.01 * white,
        np.sin(2 * np.pi * (200 + 400 * time) * time),
        white * (np.sin(2 * np.pi * 3 * time) > 0),
    )
    for kind in kinds:
        for loudness in (0.05, 0.4):
            yield Recording((kind / np.abs(kind).max() * loudness).astype(np.float32))


def readings(part: str) -> list[Heard]:
    """Have all sentences of one part spoken by all its voices, and read them."""
    sentences = json.loads((HERE / "sentences.json").read_text())[part]
    decoder, found = GrammarDecoder(), []
    with tempfile.TemporaryDirectory() as folder:
        for voice in VOICES[part]:
            for kind in ("inside", "outside"):
                for sentence in sentences[kind]:
                    reading = decoder.read(spoken(voice, sentence, Path(folder)).samples)
                    said = sentence if kind == "inside" else ""
                    found.append(Heard(voice, said, " ".join(reading.words), reading.fit))
            log.info("%s read", voice)
    found += [Heard("noise", "", " ".join(one.words), one.fit) for one in (decoder.read(n.samples) for n in noises())]
    return found


def fitted(heard: list[Heard]) -> list[float]:
    """Return bias and weights of the confidence."""
    from sklearn.linear_model import LogisticRegression

    known = [one for one in heard if one.fit is not None]
    right = [bool(one.said) and one.said == one.read for one in known]
    model = LogisticRegression(C=10.0).fit(np.array([one.fit for one in known]), right)
    return [round(float(value), 2) for value in (*model.intercept_, *model.coef_[0])]


def table(heard: list[Heard], least: float) -> str:
    """Return the table of all voices as Markdown."""
    lines = [
        "| voice | words right | answered | words right of the answered | sentences wrong of the answered "
        "| outside, taken |",
        "|---|---|---|---|---|---|",
    ]
    for voice in [*dict.fromkeys(one.voice for one in heard), "all"]:
        lines.append(_row(voice, [one for one in heard if voice in (one.voice, "all")], least))
    return "\n".join(lines)


def _row(voice: str, heard: list[Heard], least: float) -> str:
    inside = [one for one in heard if one.said]
    taken = [one for one in heard if one.fit is not None and confidence(one.fit) >= least]
    answered = [one for one in taken if one.said]
    outside, wrong = len(heard) - len(inside), sum(one.said != one.read for one in answered)
    share = f"{len(answered) / len(inside):.0%}" if inside else ""
    return (
        f"| {voice} | {_right(inside)} | {share} | {_right(answered)} | {wrong} of {len(answered)} "
        f"| {len(taken) - len(answered)} of {outside} |"
    )


def _right(heard: list[Heard]) -> str:
    words = sum(len(one.said.split()) for one in heard)
    return f"{1 - sum(words_wrong(one.said, one.read) for one in heard) / words:.1%}" if words else ""


def main() -> None:
    """Print the weights, or the table."""
    logging.basicConfig(level=logging.INFO)
    if sys.argv[1:] == ["fit"]:
        heard = readings("development")
        sys.stdout.write(f"bias and weights: {fitted(heard)}\n")
    else:
        heard = readings("held out")
    least = GrammarRecogniser().least_confidence
    sys.stdout.write(table(heard, least) + "\n")
    for one in heard:
        sure = confidence(one.fit) if one.fit is not None else 0.0
        if one.said != one.read and sure >= least:
            sys.stdout.write(f"{one.voice}: {one.said or '(outside)'} -> {one.read} ({sure:.2f})\n")


if __name__ == "__main__":
    main()
