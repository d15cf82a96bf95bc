import pytest

from medxpert.config import hardware


@pytest.mark.parametrize(
    ("flags", "gpu", "expected"),
    [
        ({"avx2", "avx512_bf16"}, False, "bf16-mixed"),
        ({"asimd", "bf16"}, False, "bf16-mixed"),
        ({"avx2", "avx512f"}, False, "32-true"),
        (set(), False, "32-true"),
        ({"avx2"}, True, "bf16-mixed"),
    ],
)
def test_bf16_only_where_it_is_fast(monkeypatch, tmp_path, flags, gpu, expected):
    device = tmp_path / "gpu"
    if gpu:
        device.touch()
    monkeypatch.setattr(hardware, "_GPUS", (str(device),))
    monkeypatch.setattr(hardware, "_processor_flags", lambda: flags)
    assert hardware.fast_precision.__wrapped__() == expected


def test_flags_of_this_machine_are_words():
    assert all(flag and not flag.isspace() for flag in hardware._processor_flags())
