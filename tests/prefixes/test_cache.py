import pickle
import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxpert.data.batch import Drawn
from medxpert.data.order import Draw
from medxpert.datamodule import DataModule
from medxpert.errors import ConfigError, DataError
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, Freeze
from medxpert.models.lora import LoRA
from medxpert.models.tiny import clip_tiny
from medxpert.prefixes.cache import FOLDER, PrefixCache
from medxpert.words import Study

TEXTS = ("Clear lungs.", "CLEAR lungs.", "No pleural effusion or pneumothorax.", "Heart size is normal.")


def tiny():
    return clip_tiny(image_side=32, image_widths=[8, 8], text_width=32, text_blocks=2, vocab_size=600)


def transformers():
    size = Transformer(16, 3, 2)
    return CLIP(Architecture("t", 32, 16, 8, size, size, False, vocab_size=600))


KINDS = {"convolutional": tiny, "transformers": transformers}


@pytest.fixture(params=KINDS)
def model(request):
    torch.manual_seed(0)
    model = KINDS[request.param]()
    model.freeze(Freeze(1, 1))
    return model


def cache_of(model, precision="32-true"):
    return PrefixCache(model, precision, nullcontext, torch.device("cpu"))


@pytest.fixture
def make(tmp_path, flat):
    def call(model, **arguments):
        def read(split):
            first = 80 * ("train", "val", "test").index(split)
            for number in range(40 if split == "train" else 4):
                images = tuple(flat(first + number + 40 * place, view) for place, view in enumerate(("PA", "LATERAL")))
                text = f"{TEXTS[number % 4]} {'Stable. ' * (number // 8)}"
                yield Study(f"{split}-{number}", f"{split}-p{number}", images, text, TEXTS[number % 3])
            yield from ()

        data = DataModule(partial(read), model.tokenizer, 32, batch_size=8, cache=str(tmp_path), **arguments)
        data.setup()
        return data

    return call


def cached(make, model, **arguments):
    data = make(model, **arguments)
    data.prefixes = cache_of(model)
    data.prepare_data()
    return data


@pytest.mark.parametrize(
    "arguments",
    [{}, {"text": "random_section"}, {"text": "two_sections", "images": "two"}, {"images": "random", "text": "both"}],
)
def test_batches_are_the_same_with_activations_in_place_of_pixels(make, model, arguments):
    plain, found = make(model, **arguments), cached(make, model, **arguments)
    for one, other in zip(plain.train_dataloader(), found.train_dataloader(), strict=True):
        for name in ("tokens", "text_of", "rows", "text_ids", "labels"):
            assert getattr(one, name).equal(getattr(other, name)), name
        assert (one.second_text_of is None) == (other.second_text_of is None)
        assert other.pixels.shape == (len(one.rows), 0, 0)
        for pixels, states in (
            (one.pixels, other.image_states),
            (one.second_pixels, other.second_image_states),
        ):
            assert (pixels is None) == (states is None)
            if pixels is not None:
                assert states.dtype == torch.bfloat16
                assert states.equal(model.image.below(pixels).bfloat16())
        places = one.tokens.argmax(dim=-1)
        computed = model.text.below(one.tokens).bfloat16()
        for row, place in enumerate(places.tolist()):
            torch.testing.assert_close(other.text_states[row, : place + 1], computed[row, : place + 1])
            assert not other.text_states[row, place + 1 :].any()


def test_embeddings_are_those_of_the_pixels(make, model):
    plain, found = make(model), cached(make, model)
    one, other = (next(iter(data.train_dataloader())) for data in (plain, found))
    places = one.tokens.argmax(dim=-1)
    model.eval()  # flat images hardly vary over a batch
    image = torch.cosine_similarity(model.image.above(other.image_states), model.encode_image(one.pixels))
    text = torch.cosine_similarity(model.text.above(other.text_states, places), model.encode_text(one.tokens))
    assert min(image.min(), text.min()) > 0.9995


def test_texts_that_differ_in_capitals_are_one(make, model):
    cached(make, model)
    manifest = next((make(model).cache / FOLDER).glob("text-*"))
    rows = np.load(manifest / "states.npy", mmap_mode="r")
    distinct = {tuple(model.tokenizer([text])[0]) for text in make(model).stores["train"].reports.findings}
    assert len(rows) == sum(map(len, distinct))


def test_validation_sees_pixels(make, model):
    batch = next(iter(cached(make, model).val_dataloader()))
    assert batch.image_states is None
    assert batch.text_states is None
    assert batch.pixels.shape[1:] == (32, 32)


def test_a_tower_with_nothing_frozen_is_not_cached(make):
    model = tiny()
    model.freeze(Freeze(image_blocks=1))
    batch = next(iter(cached(make, model).train_dataloader()))
    assert batch.image_states is not None
    assert batch.text_states is None


def test_where_texts_are_drawn_by_sentences_only_images_are_cached(make, model, caplog):
    caplog.set_level("INFO")
    data = cached(make, model, shuffle_sentences=True)
    batch = next(iter(data.train_dataloader()))
    assert batch.image_states is not None
    assert batch.text_states is None
    assert "texts are drawn sentence by sentence, so only images are cached" in caplog.text
    only_text = tiny()
    only_text.freeze(Freeze(text_blocks=1))
    with pytest.raises(ConfigError, match="only texts are frozen, and they are drawn sentence by sentence"):
        cached(make, only_text, max_sentences=1)


def test_the_disk_space_is_told_and_old_caches_are_named_not_removed(make, caplog):
    caplog.set_level("INFO")
    for _ in range(2):
        model = tiny()
        model.freeze(Freeze(1, 1))
        data = cached(make, model)
    assert re.search(r"caching it takes [\d.,]+ (kB|bytes) of the [\d.,]+ GB free in", caplog.text)
    assert "2 caches of other weights or data take" in caplog.text
    assert len(list((data.cache / FOLDER).glob("*/states.npy"))) == 4


def test_a_disk_that_is_too_small_is_refused_before_anything_is_computed(make, model, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1))
    with pytest.raises(ConfigError, match=r"needs \S+ (kB|bytes) in .*, 1 byte are free; free the space"):
        cached(make, model)
    assert not list(make(model).cache.glob(f"{FOLDER}/*"))


def test_weights_that_change_behind_the_cache_are_refused(make, model):
    data = cached(make, model)
    with torch.no_grad():
        next(model.image.blocks[0].parameters()).add_(1e-3)
    with pytest.raises(DataError, match="holds no activations of these frozen weights and data"):
        data.train_dataloader()


def test_trained_weights_are_no_part_of_the_cache(make, model):
    data = cached(make, model)
    with torch.no_grad():
        next(model.image.blocks[1].parameters()).add_(1)
    assert next(iter(data.train_dataloader())).image_states is not None


def test_adapters_stand_above_what_is_cached(make):
    pytest.importorskip("peft")
    model = tiny()
    model.freeze(Freeze(1, 1))
    model.adapt(LoRA(rank=2))
    model.train()
    plain, found = make(model), cached(make, model)
    one, other = (next(iter(data.train_dataloader())) for data in (plain, found))
    assert other.image_states.equal(model.image.below(one.pixels).bfloat16())


@dataclass(frozen=True)
class Flipped(Drawn):
    """An augmentation that nobody told the cache of."""

    def __getitem__(self, draws):
        batch = super().__getitem__(draws)
        epoch = draws[0].epoch
        return batch._replace(pixels=batch.pixels + epoch)


def test_pixels_that_change_with_the_draw_are_refused(make, model, tmp_path):
    drawn = Flipped(**vars(make(model)._drawn()))
    with pytest.raises(ConfigError, match="training changes the pixels of study train-0 when it draws them"):
        cache_of(model).build(drawn, tmp_path)


def test_loader_processes_map_the_rows_themselves(make, model):
    data = cached(make, model)
    loader = data.train_dataloader()
    batch = loader.dataset[[Draw(0, row, 0) for row in range(8)]]
    content = pickle.dumps(loader.dataset.states)
    assert len(content) < 20_000
    again = replace(data._drawn(), states=pickle.loads(content))[[Draw(0, row, 0) for row in range(8)]]
    assert again.image_states.equal(batch.image_states)


def test_nothing_frozen_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"model.cache_prefix=true: nothing is frozen, .*set model.freeze.image"):
        clip_tiny(image_side=32, cache_prefix=True)
