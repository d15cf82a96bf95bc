"""From a trained encoder to what others open: embeddings, prompts, index and samples of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.data.stored import Stored
from medxpert.data.zero_shot import prompts
from medxpert.folders import atomic_folder, seal, write_json
from medxpert.indexes.joined import cases_digests
from medxpert.indexes.writing import write_index
from medxpert.models.clip import CLIP
from medxpert.models.encoders.sharing import order
from medxpert.models.encoders.towers import Towers, fast_dtype
from medxpert.models.lora import merged_state
from medxpert.privacy import strictest
from medxpert.run import write_embeddings
from medxpert.text import normalise
from medxpert.words import Index, Policy, Stage

INDEXED = "train"
"""The split that may serve as evidence."""
NUM_SAMPLES = 8
_NUM_NORMAL_SAMPLES = 2


class Vectors(NamedTuple):
    """Unit rows of the N studies of a split, as float16 [N, D]."""

    image: NDArray[np.float16]
    text: NDArray[np.float16]


def embed(model: CLIP, store: Stored, batch_size: int = 64) -> Vectors:
    """Embed a split in evaluation mode; a text that several studies share is encoded once.

    A study with several images gets the normalised mean of their rows.
    """
    return Vectors(embed_images(model, store, batch_size), embed_texts(model, store.cases.texts, batch_size))


def embed_images(model: CLIP, store: Stored, batch_size: int) -> NDArray[np.float16]:
    """Return one unit row per study, [N, D]."""
    towers = _towers(model)
    flat = np.concatenate(store.image_rows)
    starts = np.cumsum([0, *(len(rows) for rows in store.image_rows[:-1])])
    rows = _encode(lambda part: towers.images(store.pixels[part]), flat, batch_size, "images")
    return _unit(np.add.reduceat(rows, starts)).astype(np.float16)


def films_of(store: Stored, most: int) -> NDArray[np.uint8]:
    """Return the first image of studies spread over a split, uint8 [N, S, S] with N at most `most`."""
    rows = _spread(len(store.image_rows), most)
    return np.stack([store.pixels[store.image_rows[row][0]] for row in rows.tolist()])


def encoding(model: CLIP, batch_size: int = 64) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return the function from pixels [N, S, S] to unit rows [N, D]."""
    towers = _towers(model)

    def encode(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _encode(lambda part: towers.images(pixels[part]), np.arange(len(pixels)), batch_size, "films")

    return encode


def embed_texts(model: CLIP, texts: Sequence[str], batch_size: int) -> NDArray[np.float16]:
    """Return one unit row per text, [N, D]; texts equal after normalisation share one."""
    places: dict[str, int] = {}
    of = np.array([places.setdefault(normalise(text), len(places)) for text in texts])
    first = np.unique(of, return_index=True)[1]
    tokens = [model.tokenizer([texts[row]])[0] for row in first]
    towers, rank = _towers(model), np.array(order(tokens), np.int64)
    rows = _encode(lambda part: towers.texts([tokens[place] for place in part]), rank, batch_size, "texts")
    return rows[np.argsort(rank)][of].astype(np.float16)


def _towers(model: CLIP) -> Towers:
    """Make a model's weights ready for inference where they are, as they are now, adapters folded in."""
    state = {name: tensor.detach() for name, tensor in merged_state(model).items()}
    return Towers(state, model.architecture, fast_dtype(model.logit_scale.device))


def _encode(
    encode: Callable[[NDArray[np.int64]], NDArray[np.float32]], rows: NDArray[np.int64], batch_size: int, what: str
) -> NDArray[np.float32]:
    parts = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    steps = track(parts, f"embedding {what}", console=Console(stderr=True), transient=True)
    return np.concatenate([encode(part) for part in steps])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embed_prompts(model: CLIP) -> NDArray[np.float16]:
    """Return for each observation the mean directions of the prompts that affirm and that deny it, [14, 2, D]."""
    sets = [sentences for pair in prompts() for sentences in pair]
    texts = [sentence for sentences in sets for sentence in sentences]
    rows = embed_texts(model, texts, batch_size=len(texts)).astype(np.float32)
    means = np.stack([part.mean(axis=0) for part in np.split(rows, np.cumsum([len(one) for one in sets])[:-1])])
    return _unit(means).reshape(len(sets) // 2, 2, -1).astype(np.float16)


@dataclass(frozen=True)
class Start:
    """What the weights knew before training.

    Attributes:
        stage: where they came from.
        vectors: rows by split.
        prompts: as `embed_prompts` returns them.
    """

    stage: Stage
    vectors: Mapping[str, Vectors]
    prompts: NDArray[np.float16]


def starting_point(model: CLIP, stores: Mapping[str, Stored]) -> Start:
    """Embed every split before the first step."""
    vectors = {split: embed(model, store) for split, store in stores.items()}
    return Start(model.stage, vectors, embed_prompts(model))


def publish(
    folder: Path, model: CLIP, stores: Mapping[str, Stored], start: Start, make_index: Callable[[], Index]
) -> dict[str, Vectors]:
    """Write what a run offers beside its checkpoints: model, embeddings, prompts, index and samples.

    Returns:
        The rows of every split.
    """
    stamp = write_model(folder, model, stores)
    vectors = {split: embed(model, store) for split, store in stores.items()}
    for split, store in stores.items():
        arrays = _named(vectors[split]) | _named(start.vectors.get(split), "start_")
        arrays["truncated"] = truncated(model, store.cases.texts)
        write_embeddings(folder / "embeddings" / split, arrays, store.cases_path, stamp)
    write_prompts(folder, model, start.prompts, stamp)
    fields: dict[str, Any] = {**stamp, "split": INDEXED, "cases": cases_digests([folder / "embeddings" / INDEXED])}
    write_index(folder / "index", make_index, vectors[INDEXED], fields, vectors.get("val"))
    write_samples(folder / "samples", stores["test"], model.policy)
    return vectors


def write_model(folder: Path, model: CLIP, stores: Mapping[str, Stored]) -> dict[str, str]:
    """Export the encoder under the strictest policy, and return what seals all that it makes: policy and encoder."""
    model.policy = strictest([model.policy, *(store.policy for store in stores.values())])
    with atomic_folder(folder / "model") as sibling:
        return {"policy": model.policy, "encoder": model.export(sibling)}


def write_prompts(folder: Path, model: CLIP, start: NDArray[np.float16], stamp: Mapping[str, str]) -> None:
    """Write the directions of the prompts [14, 2, D], now and by the starting weights."""
    with atomic_folder(folder / "prompts") as sibling:
        np.save(sibling / "prompts.npy", embed_prompts(model))
        np.save(sibling / "start_prompts.npy", start)
        seal(sibling, stamp)


def truncated(model: CLIP, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which of N texts are longer than the model reads, [N]."""
    return np.array([model.tokenizer.count(text) > model.tokenizer.context_length for text in texts])


def _named(vectors: Vectors | None, prefix: str = "") -> dict[str, NDArray]:
    return {f"{prefix}{name}": array for name, array in vectors._asdict().items()} if vectors else {}


def write_samples(folder: Path, store: Stored, policy: Policy) -> None:
    """Write up to 8 studies as PNG with what is known of them, so that every command has something to try."""
    with atomic_folder(folder) as sibling:
        truth = []
        for number, row in enumerate(sample_rows(store.cases.abnormal), start=1):
            name = f"sample_{number}.png"
            PIL.Image.fromarray(store.pixels[store.image_rows[row][0]]).save(sibling / name)
            truth.append({"file": name, **_known(store, row)})
        write_json(sibling / "truth.json", truth)
        seal(sibling, {"policy": policy})


def sample_rows(abnormal: NDArray[np.bool_]) -> list[int]:
    """Choose up to 8 rows, evenly spaced, two of them normal where there are such."""
    normal = np.flatnonzero(~abnormal)
    normal = normal[_spread(len(normal), _NUM_NORMAL_SAMPLES)]
    other = np.flatnonzero(abnormal)
    return sorted([*normal.tolist(), *other[_spread(len(other), NUM_SAMPLES - len(normal))].tolist()])


def _spread(count: int, wanted: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def _known(store: Stored, row: int) -> dict[str, object]:
    cases = store.cases
    return {
        "study_id": cases.study_ids[row],
        "patient_id": cases.patient_ids[row],
        "text": cases.texts[row],
        "labels": cases.labels_of(row),
        "truth": cases.truths[row],
    }
