import pytest

from medxpert.config import hardware

FLOAT32, BF16 = "32-true", "bf16-mixed"


@pytest.mark.parametrize(
    ("cpuinfo", "gpu", "fast", "has"),
    [
        ("vendor_id\t: AuthenticAMD\nflags\t\t: avx2 avx512_bf16\n", False, BF16, True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: avx2 avx512_bf16\n", False, FLOAT32, True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: avx512_bf16 amx_bf16\n", False, BF16, True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: avx512_bf16\n", True, BF16, True),
        ("Features\t: asimd bf16\n", False, BF16, True),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: avx2 avx512f\n", False, FLOAT32, False),
        ("flags\t\t: avx2\nmodel name\t: bf16\n", False, FLOAT32, False),
        (None, False, FLOAT32, False),
        ("flags\t\t: avx2\n", True, BF16, True),
    ],
)
def test_bf16_only_where_it_is_fast(monkeypatch, tmp_path, cpuinfo, gpu, fast, has):
    device, told = tmp_path / "gpu", tmp_path / "cpuinfo"
    if gpu:
        device.touch()
    if cpuinfo is not None:
        told.write_text(cpuinfo)
    monkeypatch.setattr(hardware, "_GPUS", (str(device),))
    monkeypatch.setattr(hardware, "_CPUINFO", told)
    assert hardware.fast_precision.__wrapped__() == fast
    assert hardware.has_bf16() == has
