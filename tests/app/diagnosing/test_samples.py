"""The studies that a run brings along."""

from PIL import Image

from medxpert.app.diagnosing.samples import named, own_report, samples, thumbnail
from medxpert.run import Run


def test_samples_stand_in_the_order_of_their_numbers(tmp_path):
    (tmp_path / "samples").mkdir()
    for number in (10, 9, 1):
        Image.new("L", (4, 4)).save(tmp_path / "samples" / f"sample_{number}.png")
    found = samples(Run(tmp_path))

    assert [one.name for one in found] == ["sample_1", "sample_9", "sample_10"]
    assert named("sample_9", found) == found[1]
    assert named("sample_2", found) is None
    assert own_report(found[0]) == ""
    found[0].path.write_bytes(b"broken")
    assert thumbnail(found[0].path) == ""
    assert thumbnail(found[1].path).startswith("data:image/jpeg;base64,")
