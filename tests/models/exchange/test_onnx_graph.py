"""Tracing a tower takes the exporter seconds, however small it is, so what does that is marked."""

import json
from importlib import util

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from medxpert.errors import MissingExtraError
from medxpert.images.files import ImageFile, load
from medxpert.models.exchange import onnx_graph
from medxpert.models.exchange.formats import export
from medxpert.models.exchange.sample import compared, draw_sample, our_rows
from medxpert.models.tiny import clip_tiny


def tiny():
    torch.manual_seed(0)
    size = {"image_side": 32, "image_widths": (8, 8), "text_width": 32, "text_blocks": 1, "embed_dim": 16}
    model = clip_tiny(**size, vocab_size=600).eval()
    for norm in (model.image.standard, model.text.standard):
        norm.mean.normal_()
        norm.variance.uniform_(0.5, 2)
    return model


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_its_command(package, monkeypatch, vit):
    monkeypatch.setattr(onnx_graph, "find_spec", lambda name: None if name == package else util.find_spec(name))
    with pytest.raises(MissingExtraError, match=rf"^{package} is not installed; run: pip install 'medxpert\[onnx\]'"):
        onnx_graph.check(vit().architecture)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vit", "tiny"])
def test_equal_embeddings_of_any_batch(vit, kind, tmp_path):
    model = vit(activation="quick_gelu") if kind == "vit" else tiny()
    onnx_graph.write(model, tmp_path, "pad")
    sample = draw_sample(model, seed=3)
    compared(our_rows(model, sample), onnx_graph.read(tmp_path, sample), 1e-5, "onnxruntime")
    image, text = (InferenceSession(tmp_path / f"{name}.onnx") for name in ("image", "text"))
    for count in (1, 3, 7):
        more = sample._replace(pixels=np.resize(sample.pixels, (count, 32, 32)), texts=(sample.texts * 2)[:count])
        rows = our_rows(model, more)
        np.testing.assert_allclose(image.run(None, {"pixels": more.pixels})[0], rows.image, atol=1e-5)
        tokens = model.tokenizer(more.texts)
        np.testing.assert_allclose(text.run(None, {"tokens": tokens})[0], rows.text, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(rows.text, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_the_graphs_tell_their_sizes_and_nothing_of_this_machine(story, films, run_example, tmp_path):
    told = story(model=tiny())
    export(told, "onnx", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "model.json").read_text())
    for name, source, sizes in (("image", "pixels", ["batch", 32, 32]), ("text", "tokens", ["batch", "length"])):
        assert about[name]["input"][source] == sizes
        path = tmp_path / "out" / about[name]["file"]
        (found,) = InferenceSession(path).get_inputs()
        assert (found.name, found.shape) == (source, sizes)
        assert b"medxpert" not in path.read_bytes()
        onnx.checker.check_model(path, full_check=True)
    pixels = load(ImageFile(films[2]), 32)[None]
    texts = ["There is a left pleural effusion.", "The lungs are clear."]
    rows = our_rows(told.model, draw_sample(told.model)._replace(pixels=pixels, texts=texts))
    expected = np.exp(told.model.logit_scale.exp().item() * rows.image @ rows.text.T)
    np.testing.assert_allclose(run_example(tmp_path / "out", films[2]), expected / expected.sum(), atol=1e-3)
