import pytest

from medxpert.config import hardware


@pytest.mark.parametrize(
    ("words", "gpu", "expected"),
    [
        ({"AuthenticAMD", "avx2", "avx512_bf16"}, False, "bf16-mixed"),
        ({"GenuineIntel", "avx2", "avx512_bf16"}, False, "32-true"),
        ({"GenuineIntel", "avx2", "avx512_bf16", "amx_bf16"}, False, "bf16-mixed"),
        ({"asimd", "bf16"}, False, "bf16-mixed"),
        ({"avx2", "avx512f"}, False, "32-true"),
        (set(), False, "32-true"),
        ({"GenuineIntel", "avx512_bf16"}, True, "bf16-mixed"),
        ({"avx2"}, True, "bf16-mixed"),
    ],
)
def test_bf16_only_where_it_is_fast(monkeypatch, tmp_path, words, gpu, expected):
    device = tmp_path / "gpu"
    if gpu:
        device.touch()
    monkeypatch.setattr(hardware, "_GPUS", (str(device),))
    monkeypatch.setattr(hardware, "_processor_words", lambda: words)
    assert hardware.fast_precision.__wrapped__() == expected
    assert hardware.has_bf16() == (gpu or bool({"avx512_bf16", "bf16"} & words))


def test_what_linux_tells_of_this_machine():
    assert {"AuthenticAMD", "GenuineIntel", "fp", "sse2"} & hardware._processor_words()
