import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medxpert.cases import SCHEMA
from medxpert.errors import ConfigError, DataError
from medxpert.evaluation.foreign.folder import open_embeddings
from medxpert.evaluation.parts.leaks import leaks
from medxpert.evaluation.split import evaluate_split
from medxpert.folders import seal
from medxpert.ontology import MISSING, OBSERVATIONS

TEXTS = ["Small left effusion.", "No pneumothorax.", "The heart is enlarged.", "Consolidation at the right base."]
COUNT, WIDTH = len(TEXTS), 6


def rows(seed=0, count=COUNT, width=WIDTH, dtype=np.float32):
    drawn = np.random.default_rng(seed).standard_normal((count, width))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(dtype)


def whole_table(**changes):
    """Return somebody's parquet with every column that ours has."""
    filled = {name: ["x"] * COUNT for name in SCHEMA.names}
    known = {"text": TEXTS, "labels": [[0] * 14] * COUNT, "images": [1] * COUNT, "thumbnail": [b"x"] * COUNT}
    return filled | known | {"policy": ["open"] * COUNT, "truth": [None] * COUNT} | changes


@pytest.fixture
def make(tmp_path):
    """Write a folder of embeddings; files by name replace or (None) remove the good ones."""

    def write(name="theirs", **changes):
        folder = tmp_path / name
        folder.mkdir()
        held = {"image": rows(1), "text": rows(2), "csv": "text\n" + "\n".join(TEXTS)} | changes
        for key, content in held.items():
            if key == "csv":
                if content is not None:
                    (folder / "cases.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
            elif key == "parquet":
                pq.write_table(pa.table(content), folder / "cases.parquet")
            elif isinstance(content, bytes):
                (folder / f"{key}.npy").write_bytes(content)
            elif content is not None:
                np.save(folder / f"{key}.npy", content, allow_pickle=True)
        return folder

    return write


def opened(folder, **options):
    return open_embeddings(folder, "test", **options)


def changed(array, row, value):
    array = array.copy()
    array[row] = value
    return array


def test_texts_alone_are_enough(make):
    subject, remarks = opened(make())
    assert subject.main == "model"
    assert subject.stages == ["model"]
    assert subject.cases.texts == TEXTS
    assert subject.cases.patient_ids == ["row 0", "row 1", "row 2", "row 3"]
    assert subject.cases.labels_of(0)["Pleural Effusion"] == 1
    assert subject.cases.labels_of(1)["Pneumothorax"] == 0
    assert subject.prompts == {}
    assert subject.truncated is None
    assert subject.train is None
    told = "\n".join(remarks)
    assert "no study id for 4 of 4 rows: row numbers stand for them" in told
    assert "no patient id for 4 of 4 rows: intervals draw rows instead" in told
    assert "labels: none given; read from the texts" in told
    assert "no prompts.npy" in told
    assert evaluate_split(subject).figures("model", "test")["pool"]["image_to_text"]["identity"] == COUNT


def test_unit_rows_stay_on_the_disk(make):
    folder = make(image=rows(1, dtype=np.float16))
    image, text = opened(folder).subject.vectors["model"]
    assert isinstance(image, np.memmap)
    assert image.dtype == np.float16
    assert isinstance(text, np.memmap)


@pytest.mark.parametrize(
    ("image", "remark"),
    [
        (rows(1) * np.arange(1, 5, dtype=np.float32)[:, None], "image.npy: rows of length 1 to 4, normalised to 1."),
        (rows(1).astype(np.float64), "image.npy: float64, converted to float32."),
        (rows(1).astype(">f4"), "image.npy: >f4, converted to float32."),
        (rows(1).astype(np.float64) * 1e200, "image.npy: rows of length 1e+200 to 1e+200, normalised to 1."),
        (np.asfortranarray(rows(1) * 3), "image.npy: rows of length 3 to 3, normalised to 1."),
    ],
)
def test_what_is_changed_is_said(make, image, remark):
    subject, remarks = opened(make(image=image))
    assert remark in remarks
    assert subject.vectors["model"].image.dtype == np.float32
    np.testing.assert_allclose(subject.vectors["model"].image, rows(1), atol=1e-6)


def pickled():
    return np.array([{"a": 1}], dtype=object)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": changed(rows(), (2, 1), np.nan)}, "image.npy: row 2 of 4 is not finite"),
        ({"text": changed(rows(), slice(1, 3), np.inf)}, "text.npy: row 1 of 4 and 1 more is not finite"),
        ({"image": changed(rows(), 3, 0)}, "image.npy: row 3 of 4 is all zero"),
        ({"text": rows(width=5)}, "image.npy has width 6, .*text.npy 5"),
        ({"image": rows(count=5)}, "expected one row per study, found 5 images, 4 texts and 4 rows in cases.csv"),
        ({"csv": "text\none\ntwo"}, "found 4 images, 4 texts and 2 rows in cases.csv"),
        ({"image": np.ones((4, 6), np.int64)}, "expected float16, float32 or float64, found int64"),
        ({"image": np.ones((4, 6), np.complex64)}, "expected float16, float32 or float64, found complex64"),
        ({"image": np.ones((4, 6, 1), np.float32)}, r"image.npy: expected a non-empty matrix \[N, D\], found shape"),
        ({"image": np.ones((0, 6), np.float32)}, "image.npy: expected a"),
        ({"image": pickled()}, "image.npy: expected a plain array of numbers, found none"),
        ({"image": b"\x80\x04K\x01."}, "image.npy: expected a plain array of numbers, found none"),
        ({"image": b""}, "image.npy: expected a plain array of numbers, found none"),
        ({"image": None}, "expected image.npy, text.npy and cases.parquet or cases.csv; no image.npy, found"),
        ({"csv": None}, "no cases.parquet or cases.csv, found image.npy, text.npy"),
        ({"csv": None, "image": None, "text": None}, "no image.npy, found nothing"),
        ({"csv": ""}, "cases.csv: expected a header, found an empty file"),
        ({"csv": "text\n"}, "cases.csv: expected one row per study, found none"),
        ({"csv": "note\na\nb\nc\nd"}, "cases.csv: expected a column text, found columns note"),
        ({"csv": "text,view\na,PA\nb\nc,PA\nd,PA"}, "cases.csv:3: expected 2 cells, found 1"),
        (
            {"csv": "text,Edema\na,1\nb,2\nc,\nd,"},
            "cases.csv:3: broken label .Edema: expected 1, 0, -1 or nothing",
        ),
        ({"csv": "text,truncated\na,1\nb,maybe\nc,0\nd,0"}, "cases.csv:3: truncated: expected true or false"),
        (
            {"csv": "text,policy\na,open\nb,public\nc,\nd,"},
            "cases.csv:3: policy: expected open, credentialed, private or nothing, found 'public'",
        ),
        ({"parquet": whole_table(labels=[[0] * 13] * 4)}, "labels of row 0: expected 14 values .*found"),
        ({"parquet": whole_table(labels=[[0] * 14, [5] + [0] * 13] * 2)}, "labels of row 1: expected 14 .*found .5"),
        ({"parquet": whole_table(labels=[[[0]] * 14] * 4)}, "labels of row 0: expected 14 values .*found"),
        ({"parquet": whole_table(policy=["public"] * 4)}, "policy: expected open, credentialed, private .*'public'"),
        ({"csv": "text\n___\n_\n-\n..."}, "expected texts, found 4 rows without a word"),
        ({"csv": "text\n\xe9".encode("latin-1")}, "expected UTF-8"),
        ({"parquet": {"text": TEXTS, "labels": [[1, 2]] * 4}}, "labels of row 0: expected 14 values"),
        ({"prompts": np.ones((14, 6), np.float32)}, r"prompts.npy: expected \[14, 2, D\], .*found shape \[14, 6\]"),
        ({"prompts": np.ones((14, 2, 5), np.float32)}, "prompts.npy has width 5, .*image.npy 6"),
        ({"truncated": np.zeros(3, bool)}, "truncated.npy: expected 4 values true or false, found bool"),
        ({"truncated": np.arange(4)}, "truncated.npy: expected 4 values true or false, found int64"),
    ],
)
def test_bad_input(make, changes, message):
    with pytest.raises(DataError, match=message) as error:
        opened(make(**changes))
    assert "\n" not in str(error.value)


def test_archive_is_refused(make):
    folder = make()
    with (folder / "image.npy").open("wb") as file:
        np.savez(file, image=rows())
    with pytest.raises(DataError, match="found an archive of several"):
        opened(folder)


def test_folder_that_does_not_exist(make, tmp_path):
    with pytest.raises(ConfigError, match=r"embeddings=.*gone: no such folder"):
        opened(tmp_path / "gone")
    with pytest.raises(ConfigError, match=r"train=.*gone: no such folder"):
        opened(make(), train=tmp_path / "gone")


def test_damaged_run_is_refused(make):
    folder = make()
    seal(folder, {})
    opened(folder)
    np.save(folder / "image.npy", rows(9))
    with pytest.raises(DataError, match=r"image.npy is not what was written .*embed the split again"):
        opened(folder)


@pytest.mark.parametrize("manifest", [None, '{"model": "theirs"}', "[1]", "3", '{"files": {}}'])
def test_a_list_that_no_manifest_vouches_for_is_checked(make, manifest):
    changes = {"patient_id": [None, "p", "p", "q"], "images": [None, 2, 1, 1], "labels": [None, *[[0] * 14] * 3]}
    folder = make(parquet=whole_table(**changes))
    if manifest:
        (folder / "manifest.json").write_text(manifest)
    subject, remarks = opened(folder)
    assert subject.cases.patient_ids == ["row 0", "p", "p", "q"]
    assert subject.cases.column("images") == [1, 2, 1, 1]
    assert subject.cases.thumbnail(0) == b""
    told = "\n".join(remarks)
    assert "no patient id for 1 of 4 rows" in told
    assert "images: no count in 1 of 4 rows: taken as 1" in told
    assert "no labels for 1 of 4 rows" in told
    assert "thumbnails not used: no manifest vouches for them" in told


def test_text_that_is_no_utf8_in_a_parquet(make):
    bad = pa.Array.from_buffers(
        pa.string(), 4, [None, pa.py_buffer(np.arange(5, dtype=np.int32)), pa.py_buffer(b"\xff" * 4)]
    )
    with pytest.raises(DataError, match=r"cases.parquet: cannot be read .*write it again") as error:
        opened(make(parquet={"text": bad}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (["100", "7", "7", "008"], ["100", "7", "7", "008"]),
        (["100.0", "7.0", "", "8.0"], ["100", "7", "row 2", "8"]),
        (["100.0", "7.5", "7.0", "8"], ["100.0", "7.5", "7.0", "8"]),
        (["nan", "NA", "None", "p1.0"], ["row 0", "row 1", "row 2", "p1.0"]),
    ],
)
def test_ids_of_a_csv(make, written, ids):
    lines = [f"{text},{one}" for text, one in zip(TEXTS, written, strict=True)]
    cases = opened(make(csv="\n".join(["text,patient_id", *lines]))).subject.cases
    assert cases.patient_ids == ids


def test_ids_of_a_parquet_of_floats_are_those_of_a_csv(make):
    given = [100.0, 100.0, float("nan"), 2e16]
    theirs = make(parquet={"text": TEXTS, "patient_id": given, "study_id": given, "policy": [float("nan")] * 4})
    known = make("known", csv="\n".join(["text,patient_id", *(f"{text},100" for text in TEXTS)]))
    subject, remarks = opened(theirs, train=known)
    assert subject.cases.patient_ids == ["100", "100", "row 2", "20000000000000000"]
    assert subject.cases.study_ids == subject.cases.patient_ids
    assert subject.cases.column("policy") == ["private"] * 4
    assert (
        "cases.parquet: no patient id for 1 of 4 rows: intervals draw rows instead, and may be too narrow." in remarks
    )
    assert leaks(subject).figures["patients"]["shared"] == 1


def test_absent_hashes(make):
    lines = [f"{text},{one}" for text, one in zip(TEXTS, ["NA", "nan", "None", "h"], strict=True)]
    cases = opened(make(csv="\n".join(["text,image_hash", *lines]))).subject.cases
    assert cases.column("image_hash") == [None, None, None, "h"]


def test_labels_of_no_use_are_named_once(make):
    lines = ["text,labels", "Small left effusion.,Gout", "b,", "No edema.,", "d,"]
    remarks = [one for one in opened(make(csv="\n".join(lines))).remarks if "labels" in one]
    assert len(remarks) == 1
    assert remarks[0].startswith("labels: none of the 14 observations given (not used: Gout); read from the texts")


def test_columns_of_a_list_with_bom_and_semicolons(make):
    header = (
        "Study ID;subject_id;View Position;Report;source;image_hash;truncated;Effusion;Emphysema;Pleural_Effusion;age"
    )
    lines = [
        "s1;p1;PA;Small left effusion.;here;h1;1;1;1;0;60",
        "s1;p1;LATERAL;No pneumothorax.;here;h2;0;;;;61",
        "s3;;ap;Enlarged; not small.".replace("; ", ": ") + ";there;;0;-1;0;0;62",
        "s4;p2;oblique;___;there;h4;1;0;0;0;63",
    ]
    subject, remarks = opened(make(csv="\n".join([header, *lines]).encode("utf-8-sig")))
    cases = subject.cases
    assert cases.study_ids == ["s1", "s1", "s3"]
    assert cases.patient_ids == ["p1", "p1", "row 2"]
    assert cases.column("view") == ["PA", "LATERAL", "AP"]
    assert cases.column("source") == ["here", "here", "there"]
    assert cases.column("image_hash") == ["h1", "h2", None]
    assert subject.truncated.tolist() == [True, False, False]
    assert [cases.labels_of(row) for row in range(3)] == [{"Pleural Effusion": 1}, {}, {"Pleural Effusion": -1}]
    assert len(subject.vectors["model"].image) == 3
    told = "\n".join(remarks)
    assert "1 of 4 studies have no text and are left out (first: row 3)" in told
    assert "1 rows repeat one; each row" in told
    assert "s1" not in told
    assert "no patient id for 1 of 4 rows" in told
    assert "labels read: Effusion as Pleural Effusion." in told
    assert "labels outside the 14 observations, not used: Emphysema" in told
    assert "columns not used: age." in told


def test_joined_labels(make):
    lines = ["text,labels", "a,Effusion|Hernia", "b,", "c,Edema", "d,Gout"]
    subject, remarks = opened(make(csv="\n".join(lines)))
    found = [subject.cases.labels_of(row) for row in range(4)]
    assert found[:3] == [{"Pleural Effusion": 1, "Edema": 0}, {}, {"Pleural Effusion": 0, "Edema": 1}]
    assert any("not used: Gout, Hernia" in remark for remark in remarks)


def test_findings_and_impression(make):
    lines = ["findings,impression", "Lungs clear.,Normal chest today.", "The heart is large.,Large.", "a,", ",bc"]
    subject, remarks = opened(make(csv="\n".join(lines)))
    assert subject.cases.texts == ["Normal chest today.", "The heart is large.", "a", "bc"]
    assert subject.cases.column("section") == ["impression", "findings", "findings", "impression"]
    assert any("the longer of findings and impression" in remark for remark in remarks)


def test_parquet_of_somebody_else(make):
    given = {
        "text": [*TEXTS[:3], None],
        "patient_id": [7, 8, None, 9],
        "labels": [[1] + [-2] * 13, None, [None] * 14, [0] * 14],
        "thumbnail": [b"x"] * 4,
    }
    subject, remarks = opened(make(parquet=given))
    assert subject.cases.path.name == "cases.parquet"
    assert subject.cases.texts == TEXTS[:3]
    assert subject.cases.patient_ids == ["7", "8", "row 2"]
    assert subject.cases.labels_of(0) == {OBSERVATIONS[0]: 1}
    assert (subject.cases.labels[1:] == MISSING).all()
    assert any("1 of 4 studies have no text" in remark for remark in remarks)


def test_a_split_of_a_run_opens_too(make_run):
    run = make_run(labelled=False)
    subject, remarks = opened(run.path / "embeddings" / "test", train=run.path / "embeddings" / "train")
    adapted = run.embeddings("test")
    np.testing.assert_array_equal(subject.vectors["model"].image, adapted.image)
    assert subject.cases.study_ids == adapted.cases.study_ids
    assert subject.cases.thumbnail(0) == adapted.cases.thumbnail(0)
    assert subject.cases.abnormal.any()
    assert subject.train.vectors["model"].image.shape == run.embeddings("train").image.shape
    assert sum("labels: none given" in remark for remark in remarks) == 2


def test_a_split_of_a_run_without_its_manifest_opens_as_anyone_s(make_run):
    run = make_run()
    known = run.embeddings("test").cases
    (run.path / "embeddings" / "test" / "manifest.json").unlink()
    cases = opened(run.path / "embeddings" / "test").subject.cases
    for name in ("study_id", "patient_id", "text", "section", "view", "source", "policy", "image_hash", "images"):
        assert cases.column(name) == known.column(name)
    np.testing.assert_array_equal(cases.labels, known.labels)


def test_training_folder_of_another_model(make):
    with pytest.raises(DataError, match="has width 5"):
        opened(make(), train=make("known", image=rows(width=5), text=rows(width=5)))


def test_prompts_and_truncation(make):
    prompts = 2 * rows(3, count=28).reshape(14, 2, WIDTH)
    subject, remarks = opened(make(prompts=prompts, truncated=np.array([1, 0, 0, 1], np.uint8)))
    np.testing.assert_allclose(subject.prompts["model"], prompts / 2, atol=1e-6)
    assert "prompts.npy: rows of length 2 to 2, normalised to 1." in remarks
    assert subject.truncated.tolist() == [True, False, False, True]


def test_one_text_under_two_embeddings_is_said(make):
    texts = ["Same text.", "Another.", "same  text.", "Same text."]
    text = changed(rows(2), 3, rows(2)[0])
    remarks = opened(make(text=text, csv="text\n" + "\n".join(texts))).remarks
    assert any(re.match(r"text.npy: 1 rows repeat a text under another embedding", remark) for remark in remarks)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("x", True), ("7", True), ("word " * 220_000, True), ("Silueta cardíaca normal.", True), ("___", False)],
    ids=["one character", "one digit", "1 MB", "Spanish", "blanked"],
)
def test_odd_texts(make, text, kept):
    subject, _ = opened(make(csv="text\n" + "\n".join([*TEXTS[:3], text])))
    assert len(subject.cases) == 3 + kept
    assert not kept or subject.cases.texts[3] == text.strip()


def test_reports_in_another_language_are_not_called_normal(make):
    spanish = ["Silueta cardíaca de tamaño normal.", "Sin alteraciones.", "Campos limpios.", "Derrame izquierdo."]
    subject, remarks = opened(make(csv="text\n" + "\n".join(spanish)))
    assert (subject.cases.labels == MISSING).all()
    assert any("mention no observation in English: none used" in remark for remark in remarks)
