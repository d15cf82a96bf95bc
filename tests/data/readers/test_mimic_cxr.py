import gzip
import logging
import shutil
import zipfile
from collections import Counter

import pytest
from trees.accounts import arguments, by_reader, everything, ids
from trees.mimic_cxr import NUM_TRAIN, ORPHAN, build, cases, report, write_table

from medxpert.data.readers.mimic_cxr import read
from medxpert.errors import ConfigError, DataError
from medxpert.text import clean
from medxpert.words import SPLITS, Rejected, Study


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("mimic"))


@pytest.fixture
def copy(tree, tmp_path):
    """Return the folder of a copy that may be damaged, and the arguments that read it."""
    source = tree.arguments["data.images"].removesuffix("/jpg")
    shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    return tmp_path, {"images": str(tmp_path / "jpg"), "reports": str(tmp_path / "reports")}


def test_everything_by_construction(tree):
    studies, rejected = everything(read, **arguments(tree))
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    for split, own in studies.items():
        for study, case in zip(own, [c for c in cases() if c.split == split and not c.reason], strict=True):
            assert (study.patient_id, study.split, study.source) == (case.patient_id, split, "mimic_cxr")
            assert (study.findings, study.impression) == (clean(case.findings), clean(case.impression))
            assert [image.view for image in study.images] == [film.view for film in case.films]
            folder = f"files/p{case.patient_id[:2]}/p{case.patient_id}/s{case.study_id}"
            assert [str(image.path) for image in study.images] == [
                f"{tree.arguments['data.images']}/{folder}/{film.dicom_id}.jpg" for film in case.films
            ]
            assert [image.path.is_file() for image in study.images] == [film.state != "missing" for film in case.films]


def test_counts_of_whole_pictures(tree):
    studies, _ = everything(read, **arguments(tree))
    whole = {(case.study_id, film.dicom_id) for case in cases() for film in case.films if film.state == "whole"}
    for split, own in studies.items():
        kept = [(s.patient_id, s.study_id) for s in own for i in s.images if (s.study_id, i.path.stem) in whole]
        assert tree.counts[split] == (len({s for _, s in kept}), len(kept), len({p for p, _ in kept}))
    assert [tree.counts[split][0] >= least for split, least in (("train", 30), ("val", 6), ("test", 6))] == [True] * 3


@pytest.mark.parametrize(
    "options",
    [
        {"zipped": True},
        {"gzipped": False},
        {"version": "files/mimic-cxr-jpg/2.1.0"},
        {"version": "2.1.0", "zipped": True, "gzipped": False},
        {"ending": ".png"},
        {"ending": ".jpeg", "tables_with": "reports"},
    ],
)
def test_layouts(tmp_path, options):
    tree = build(tmp_path, **options)
    studies, rejected = everything(read, **arguments(tree))
    assert ids(studies) == tree.ids
    assert Counter(item.reason for item in rejected) == by_reader(tree)
    whole = {film.dicom_id for case in cases() for film in case.films if film.state != "missing"}
    assert {i.path.stem for own in studies.values() for s in own for i in s.images if i.path.is_file()} <= whole
    assert sum(image.path.is_file() for study in studies["test"] for image in study.images) == 9


def test_dicom_files(copy):
    folder, options = copy
    for path in list(folder.rglob("*.jpg")):
        path.rename(path.with_suffix(".dcm"))
    assert next(s for s in read("test", **options)).images[0].path.suffix == ".dcm"


def test_reports_among_the_images(copy):
    folder, options = copy
    shutil.copytree(folder / "reports", folder / "jpg", dirs_exist_ok=True)
    assert list(read("val", options["images"])) == list(read("val", **options))
    shutil.rmtree(folder / "reports")
    for text in list(folder.rglob("s*.txt")):
        text.unlink()
    with zipfile.ZipFile(folder / "jpg/mimic-cxr-reports.zip", "w") as archive:
        archive.writestr("mimic-cxr-reports/files/__MACOSX/._s1.txt", b"\0")
        archive.writestr(f"mimic-cxr-reports/files/p10/p1/s{cases()[0].study_id}.txt", report("Clear.", "Normal."))
    (study,) = (item for item in read("train", options["images"]) if isinstance(item, Study))
    assert (study.study_id, study.impression) == (cases()[0].study_id, "Normal.")


@pytest.mark.parametrize("inner", ["", "files"])
def test_root_is_files_itself(copy, inner):
    folder, options = copy
    shutil.copytree(folder / "reports", folder / "jpg", dirs_exist_ok=True)
    found = list(read("val", str(folder / "jpg" / inner), reports=str(folder / "reports" / inner)))
    assert found == list(read("val", **options))


def test_order_does_not_depend_on_the_folders(tree, tmp_path):
    zipped = build(tmp_path, zipped=True)
    for split in SPLITS:
        texts = [
            [(s.study_id, s.findings) for s in read(split, **arguments(t)) if isinstance(s, Study)]
            for t in (tree, zipped)
        ]
        assert texts[0] == texts[1]


def labels_of(split, **options):
    return {item.study_id: item.labels for item in read(split, **options) if isinstance(item, Study)}


def test_labels(tree):
    options = arguments(tree) | {"label_texts": False}
    planned = {case.study_id: case for case in cases()}
    train = labels_of("train", **options)
    broken, without_row = cases()[28].study_id, cases()[18].study_id
    assert {i: labels for i, labels in train.items() if i != broken} == {
        i: ({} if i == without_row else planned[i].labels) for i in train if i != broken
    }
    assert train[without_row] == train[cases()[22].study_id] == train[broken] == {}
    negbio = labels_of("train", labels="negbio", **options)
    first = planned[next(iter(train))]
    assert 1 in first.labels.values()
    assert negbio[first.study_id] == {name: -1 if value == 1 else value for name, value in first.labels.items()}
    assert set(map(len, labels_of("train", labels="rules", **options).values())) == {0}
    assert set(map(len, labels_of("test", labels=None, **options).values())) == {0}


def test_rules_label_what_has_no_labels(tree):
    study = next(
        s for s in read("train", **arguments(tree)) if isinstance(s, Study) and s.study_id == cases()[18].study_id
    )
    assert study.labels


def test_radiologists_label_the_test_split(tree):
    *known, last = labels_of("test", label_texts=False, **arguments(tree)).values()
    assert all(labels == {"Lung Opacity": 1, "Support Devices": -1} for labels in known)
    assert last == cases()[-1].labels


def test_only_the_split_table_is_needed(copy, caplog):
    folder, options = copy
    for kind in ("metadata", "chexpert", "negbio", "test-set-labeled"):
        next(folder.rglob(f"*-{kind}.csv*")).unlink()
    studies, rejected = everything(read, label_texts=False, **options)
    assert {image.view for own in studies.values() for study in own for image in study.images} == {""}
    assert all(study.labels == {} for own in studies.values() for study in own)
    assert Counter(item.reason for item in rejected)["wrong number of columns"] == 1
    assert "no mimic-cxr-2.*-metadata.csv beside" in caplog.text
    assert "no mimic-cxr-2.*-chexpert.csv beside" in caplog.text


def test_images_that_metadata_do_not_know_are_counted(tree, caplog):
    list(read("train", **arguments(tree)))
    assert "mimic-cxr-2.0.0-metadata.csv.gz does not know 1 of 49 images" in caplog.text


def test_policy_and_limit(tree):
    assert next(s for s in read("val", **arguments(tree))).policy == "private"
    studies = [s for s in read("train", limit=3, policy="credentialed", **arguments(tree)) if isinstance(s, Study)]
    assert [study.policy for study in studies] == ["credentialed"] * 3


def test_partial_download_keeps_the_studies(copy):
    folder, options = copy
    for top in sorted((folder / "jpg/files").iterdir())[1:]:
        shutil.rmtree(top)
    studies, _ = everything(read, **options)
    assert ids(studies)["test"] == [case.study_id for case in cases() if case.split == "test"]
    assert 0 < sum(image.path.is_file() for study in studies["train"] for image in study.images) < 20


def test_reports_of_a_subset_are_no_faults(copy, caplog):
    caplog.set_level(logging.INFO)
    folder, options = copy
    for number in range(8):
        path = folder / f"reports/files/p19/p19999998/s5999990{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report("Clear.", "Normal."))
    assert "report without image" not in [r.reason for r in read("train", **options) if isinstance(r, Rejected)]
    assert "9 reports belong to studies that the split table does not name" in caplog.text


def test_orphans_are_reported_once(tree):
    _, rejected = everything(read, **arguments(tree))
    assert [item.where for item in rejected if item.reason == "report without image"] == [ORPHAN]


def test_leak_options(tmp_path):
    tree = build(tmp_path, same_image=True, shared_patient=True)
    studies, _ = everything(read, **arguments(tree))
    pictures = {
        s: {i.path.read_bytes() for x in own for i in x.images if i.path.is_file()} for s, own in studies.items()
    }
    assert len(pictures["train"] & pictures["test"]) == 1
    patients = {split: {study.patient_id for study in own} for split, own in studies.items()}
    assert patients["train"] & patients["test"] == {cases()[21].patient_id}


def test_same_tables_twice_are_no_two_versions(copy):
    folder, options = copy
    for path in list((folder / "jpg").glob("*.csv.gz")):
        (folder / "reports" / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    assert len([s for s in read("test", **options) if isinstance(s, Study)]) == 9


def test_unpacked_table_wins_over_its_own_gzip(copy):
    folder, options = copy
    path = next(folder.rglob("*-split.csv.gz"))
    lines = gzip.decompress(path.read_bytes()).decode().split()
    path.with_suffix("").write_text("\n".join(lines[:-1]))
    assert len([s for s in read("test", **options) if isinstance(s, Study)]) == 8


def other_version(folder):
    write_table(folder / "reports", "mimic-cxr-2.1.0-split", ["dicom_id", "study_id", "subject_id", "split"], [], False)


def foreign_metadata(folder):
    next(folder.rglob("*-metadata.csv.gz")).unlink()
    write_table(folder / "jpg", "mimic-cxr-2.1.0-metadata", ["dicom_id", "ViewPosition"], [["x", "PA"]], False)


def no_pictures(folder):
    for path in list((folder / "jpg").rglob("*.jpg")):
        path.unlink()


def no_reports(folder):
    shutil.rmtree(folder / "reports/files")


def no_column(folder):
    next(folder.rglob("*-split.csv.gz")).unlink()
    write_table(
        folder / "jpg", "mimic-cxr-2.0.0-split", ["dicom_id", "study_id", "split"], [["x", "1", "train"]], False
    )


def cut_gzip(folder):
    path = next(folder.rglob("*-metadata.csv.gz"))
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            other_version,
            r"two versions mixed: .*2\.0\.0-split\.csv\.gz and .*2\.1\.0-split\.csv differ; .*data\.tables",
        ),
        (foreign_metadata, r"two versions mixed: .*2\.1\.0-metadata\.csv knows none of the 49 images of this split"),
        (no_pictures, r"data\.images=.*expected files/p10/.*, found no picture below .*jpg/files"),
        (no_reports, r"data\.reports=.*expected files/p10/.*txt or mimic-cxr-reports\.zip, found an empty folder"),
        (no_column, r"expected a column subject_id, found dicom_id, study_id, split"),
        (cut_gzip, r"metadata\.csv\.gz: cannot be read"),
        (
            lambda folder: next(folder.rglob("*-split.csv.gz")).unlink(),
            r"expected mimic-cxr-2.0.0-split.csv .*, found none",
        ),
    ],
)
def test_broken_trees(copy, damage, message):
    folder, options = copy
    damage(folder)
    with pytest.raises(DataError, match=message):
        read("train", **options)


def test_tables_folder_settles_two_versions(copy):
    folder, options = copy
    other_version(folder)
    assert list(read("val", tables=str(folder / "jpg"), **options))


def test_wrong_root_says_what_was_found(copy, tree):
    folder, options = copy
    (folder / "elsewhere/photos").mkdir(parents=True)
    with pytest.raises(DataError, match=r"elsewhere: expected files/p10/.*, found photos/; point data\.images"):
        read("train", **options | {"images": str(folder / "elsewhere")})
    with pytest.raises(DataError, match=r"reports come with MIMIC-CXR, not with MIMIC-CXR-JPG: set data\.reports"):
        read("train", tree.arguments["data.images"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "validate"}, "expected one of train, val, test, found 'validate'"),
        ({"images": "/nowhere"}, "data.images=/nowhere: expected a folder, found nothing"),
        ({"reports": "/nowhere.zip"}, "data.reports=/nowhere.zip: expected a folder or a zip, found nothing"),
        ({"tables": "/nowhere"}, "data.tables=/nowhere: expected a folder, found nothing"),
        ({"labels": "chexbert"}, "data.labels=chexbert: expected one of chexpert, negbio, rules or null"),
        ({"policy": "secret"}, "found 'secret'; change data.policy"),
    ],
)
def test_bad_arguments(tree, options, message):
    with pytest.raises(ConfigError, match=message):
        read(**{"split": "train"} | arguments(tree) | options)


@pytest.mark.parametrize("content", [b"", b"PK no zip"])
def test_broken_zip(tree, tmp_path, content):
    (tmp_path / "mimic-cxr-reports.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"mimic-cxr-reports\.zip: expected the zip of the reports, found"):
        read("train", **arguments(tree) | {"reports": str(tmp_path)})


def test_zip_of_something_else(tree, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("LICENSE.txt", "Free.")
    with pytest.raises(DataError, match=r"expected members such as files/p10/p10000032/s50414267\.txt, found none"):
        read("train", **arguments(tree) | {"reports": str(tmp_path / "other.zip")})


def test_damaged_member_costs_one_study(tmp_path):
    tree = build(tmp_path, zipped=True)
    path = tmp_path / "mimic-cxr-reports.zip"
    with zipfile.ZipFile(path) as archive:
        member = next(m for m in archive.infolist() if m.filename.endswith(f"s{tree.ids['val'][0]}.txt"))
    data = bytearray(path.read_bytes())
    start = member.header_offset + 30 + len(member.filename) + 20
    data[start : start + 20] = bytes(20)
    path.write_bytes(data)
    items = list(read("val", **arguments(tree)))
    first = next(item for item in items if isinstance(item, Rejected))
    assert (first.where, first.reason) == (tree.ids["val"][0], "report cannot be read")
    assert len(items) == 9


DUPLICATES = [
    (lambda row: row, "image listed twice"),
    (lambda row: [row[0] + "x", row[1], "19000000", row[3]], "patient_id differs within a study"),
    (lambda row: ["", *row[1:]], "no image"),
    (lambda row: [*row[:3], "dev"], "unknown split"),
]


@pytest.mark.parametrize(("change", "reason"), DUPLICATES)
def test_bad_rows_of_the_split_table(copy, change, reason):
    folder, options = copy
    path = next(folder.rglob("*-split.csv.gz"))
    lines = gzip.decompress(path.read_bytes()).decode().split()
    lines.append(",".join(change(lines[1].split(","))))
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert [
        r.reason for r in read("train", **options) if isinstance(r, Rejected) and r.where.endswith(f"gz:{len(lines)}")
    ] == [reason]
    assert len([s for s in read("train", **options) if isinstance(s, Study)]) == NUM_TRAIN - 3
