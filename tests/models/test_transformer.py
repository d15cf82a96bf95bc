import pytest
import torch

from medxpert.models.transformer import Block


@pytest.mark.parametrize("causal", [True, False])
def test_pooled_block_equals_the_whole_block(causal):
    block = Block(32, 2, "gelu", depth=3)
    x, places = torch.randn(3, 7, 32), torch.tensor([2, 6, 0])
    visible = torch.arange(7) <= places[:, None] if causal else None
    whole = block(x, causal)[torch.arange(3), places]
    torch.testing.assert_close(block.pool(x, places, visible), whole, atol=1e-5, rtol=1e-5)
