import torch

from medxpert.models.normalisation import BatchNorm


def test_standardises_by_the_batch_and_then_by_what_it_saw():
    torch.manual_seed(0)
    layer = BatchNorm(4, gain=None)
    x = torch.randn(256, 4) * torch.tensor([1.0, 2.0, 3.0, 4.0]) + 5
    trained = layer(x)
    torch.testing.assert_close(trained.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(trained.var(0, unbiased=False), torch.ones(4), atol=1e-4, rtol=0)
    for _ in range(100):
        layer(x)
    before = layer.mean.clone()
    assert torch.isfinite(layer(x[:1])).all()
    torch.testing.assert_close(layer.eval()(x), trained, atol=0.02, rtol=0)
    assert torch.equal(layer.mean, before)
