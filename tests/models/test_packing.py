import pytest
import torch

from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, Freeze
from medxpert.models.packing import packing

SIZE = Transformer(32, 3, 2)
SMALL = Architecture("small", 16, 8, 24, SIZE, SIZE, vocab_size=600, context_length=16)


def test_packed_tokens_come_back_to_their_places():
    places = torch.tensor([1, 0, 3])
    packed = packing(places, 4)
    x = torch.arange(24.0).reshape(3, 4, 2)
    assert packed.rows.tolist() == [0, 1, 4, 8, 9, 10, 11]
    assert torch.equal(packed.pack(x)[packed.ends], x[torch.arange(3), places])
    seen = (torch.arange(4) <= places[:, None])[..., None]
    assert torch.equal(packed.spread(packed.pack(x)), x * seen)


def test_texts_of_one_length_are_not_packed():
    assert packing(torch.tensor([3, 3]), 4) is None


@pytest.mark.parametrize("num_frozen", [0, 2])
def test_texts_together_are_what_they_are_alone(num_frozen):
    torch.manual_seed(0)
    model = CLIP(SMALL)
    model.freeze(Freeze(0, num_frozen))
    tokens = torch.from_numpy(model.tokenizer(["a heart", "", "clear lungs and no effusion at all in this long text"]))
    goal = torch.randn(3, 24)

    def gradients(rows):
        model.zero_grad()
        (rows * goal).sum().backward()
        return rows, [one.grad.clone() for one in model.text.parameters() if one.requires_grad]

    found = gradients(model.encode_text(tokens))
    own = [row[: row.argmax() + 1][None] for row in tokens]
    expected = gradients(torch.cat([model.encode_text(row) for row in own]))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("num_frozen", [0, 2])
def test_no_linear_layer_sees_padding(num_frozen):
    model = CLIP(SMALL)
    model.freeze(Freeze(0, num_frozen))
    tokens = torch.from_numpy(model.tokenizer(["a heart", "clear lungs and no effusion at all in this long text"]))
    seen = []
    model.text.blocks[0].fc1.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape))
    model.encode_text(tokens)
    assert seen == [(int((tokens.argmax(dim=-1) + 1).sum()), 32)]
