from pathlib import Path

import pytest
from trees import dicoms
from trees.dicom_folder import build, cases, hidden
from trees.phantoms import phantoms, pixels
from trees.tally import taken

from medxpert.data.readers.dicom_folder import read
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import load
from medxpert.words import SPLITS, Rejected, Study

REAL = Path(__file__).parents[3].parent / "shared" / "cxr" / "dicom"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dicoms"))


@pytest.fixture
def export(tmp_path):
    """Write some films of one view each, and a table; return the reader's arguments."""

    def write(table, **films):
        for name, header in films.items():
            path = tmp_path / "films" / name.replace("__", "/")
            dicoms.write(path, pixels(phantoms(1)[0]), **header)
        (tmp_path / "reports.csv").write_text(table)
        return {"images": str(tmp_path / "films"), "reports": str(tmp_path / "reports.csv")}

    return write


def everything(arguments, **more):
    return [item for split in SPLITS for item in read(split, **arguments, **more)]


def reasons(items):
    return sorted(item.reason for item in items if isinstance(item, Rejected))


def films(**uids):
    return {name: {"StudyInstanceUID": uid, "PatientID": f"p{uid}"} for name, uid in uids.items()}


@pytest.mark.parametrize("key", ["study", "accession", "image", "patient"])
def test_accounts(tmp_path, key):
    tree = build(tmp_path, key)
    assert taken(read, tree) == tree
    assert tree.counts["train"][0] >= 30
    assert min(tree.counts["val"][0], tree.counts["test"][0]) >= 6


def test_content(tree):
    arguments = {name.removeprefix("data."): value for name, value in tree.arguments.items()}
    found = {item.study_id: item for item in everything(arguments) if isinstance(item, Study)}
    for case in cases():
        if not case.reason:
            study = found[hidden(case.uid)]
            assert (study.findings, study.impression) == (case.findings, case.impression)
            assert (study.patient_id, study.split) == (hidden(case.patient_id), case.split)
            assert (study.source, study.policy) == ("dicom_folder", "private")
            views = [film.view for film in case.films if film.modality not in ("SR", "CT")]
            assert [image.view for image in study.images] == views


def test_nothing_typed_by_hand_comes_out(tree):
    arguments = {name.removeprefix("data."): value for name, value in tree.arguments.items()}
    assert "Do^Not^Read" not in repr(everything(arguments))


def test_ids_as_in_the_headers(export):
    arguments = export("study_id,findings\n1.2,Clear.\n", **films(a="1.2"))
    (study,) = everything(arguments, pseudonymise=False)
    assert (study.study_id, study.patient_id) == ("1.2", "p1.2")
    (study,) = everything(arguments)
    assert (study.study_id, study.patient_id) == (hidden("1.2"), hidden("p1.2"))


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("study_id", "1.2"),
        ("StudyInstanceUID", "1.2"),
        ("image", "deep/x.dcm"),
        ("image", "./deep/x.dcm"),
        ("image", "deep\\x.dcm"),
        ("image", "deep/x"),
        ("image", "x.dcm"),
        ("image", "x"),
        ("sop_instance_uid", "1.9"),
        ("patient_id", "p7"),
    ],
)
def test_keys(export, column, key):
    header = {"StudyInstanceUID": "1.2", "SOPInstanceUID": "1.9", "PatientID": "p7"}
    arguments = export(f"{column},findings\n{key},Clear.\n", **{"deep__x.dcm": header})
    (study,) = everything(arguments)
    assert study.findings == "Clear."


def test_one_column_of_reports_is_divided(export):
    arguments = export('study_id,report\n1.2,"FINDINGS: Clear.\nIMPRESSION: Normal."\n', **films(a="1.2"))
    (study,) = everything(arguments)
    assert (study.findings, study.impression) == ("Clear.", "Normal.")


def test_split_column(export):
    arguments = export("study_id,findings,split\n1.2,Clear.,validate\n1.3,Wet.,nowhere\n", **films(a="1.2", b="1.3"))
    items = everything(arguments)
    assert [item.split for item in items if isinstance(item, Study)] == ["val"]
    assert reasons(items) == ["image without report", "unknown split"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("study_id,findings\n1.2,Clear.\n1.2,Wet.\n", ["several reports for one study"]),
        ("study_id,findings\n1.2,Clear.\n1.2,Clear.\n", []),
        ("image,findings\nx,Clear.\n", ["report fits several studies", "report fits several studies"]),
        ("image,findings\na/x,Clear.\nb/x,\n", ["empty report"]),
        ("study_id,findings\n1.2,Clear.\n1.4,Clear.\n", ["image without report", "report without image"]),
    ],
)
def test_reports_that_do_not_fit(export, table, expected):
    second = {} if "1.2" in table and "1.4" not in table else films(b__x="1.3")
    assert reasons(everything(export(table, **films(a__x="1.2"), **second))) == expected


def test_modalities(export):
    table = "study_id,findings\n1.2,Clear.\n"
    header = {"StudyInstanceUID": "1.2", "Modality": "CT"}
    assert reasons(everything(export(table, a=header))) == ["not a radiograph", "report without image"]
    (study,) = everything(export(table, a=header), modalities=["CT"])
    assert len(study.images) == 1


def test_a_file_without_study_is_a_study(export):
    arguments = export("image,findings\na,Clear.\n", a={"StudyInstanceUID": None})
    (study,) = everything(arguments, pseudonymise=False)
    assert study.study_id == "a"


def test_a_header_is_read_anew_when_the_file_changes(export):
    table = "patient_id,findings\np1.2,Clear.\np1.33,Wet.\n"
    (first,) = [item for item in everything(export(table, **films(a="1.2"))) if isinstance(item, Study)]
    (second,) = [item for item in everything(export(table, **films(a="1.33"))) if isinstance(item, Study)]
    assert (first.findings, second.findings) == ("Clear.", "Wet.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "all"}, "expected one of train, val, test, found 'all'"),
        ({"images": "/nowhere"}, "data.images=/nowhere: expected a folder, found nothing"),
        ({"reports": "/nowhere.csv"}, r"data.reports=/nowhere.csv: no such file; change data.reports"),
        ({"policy": "secret"}, "found 'secret'"),
    ],
)
def test_bad_arguments(export, options, message):
    arguments = export("study_id,findings\n1.2,Clear.\n", **films(a="1.2"))
    with pytest.raises(ConfigError, match=message):
        options = {"split": "train"} | arguments | options
        read(options.pop("split"), **options)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "number,findings\n1,a\n",
            r"accession_number, image or patient_id, found number, findings",
        ),
        ("study_id,words\n1,a\n", "expected a column findings, impression or report, found study_id, words"),
        ("", "found an empty file"),
    ],
)
def test_wrong_tables(export, table, message):
    with pytest.raises(DataError, match=message):
        read("train", **export(table, **films(a="1.2")))


def test_wrong_folder(export, tmp_path):
    arguments = export("study_id,findings\n1.2,Clear.\n")
    (tmp_path / "films" / "notes").mkdir(parents=True)
    with pytest.raises(DataError, match=r"data.images=.*: expected DICOM files, found notes/; change data.images"):
        read("train", **arguments)


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real DICOMs at {REAL}")
def test_two_real_files(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for number, path in enumerate(sorted(REAL.glob("*.dcm"))):
        (tmp_path / "a" / "b" / f"IM{number}").write_bytes(path.read_bytes())
    uid = "1.2.276.0.7230010.3.1.2.8323329.6904.1517875201.850818"
    (tmp_path / "reports.csv").write_text(f"study_instance_uid,report\n{uid},The lungs are clear.\n")
    (study,) = everything({"images": str(tmp_path / "a"), "reports": str(tmp_path / "reports.csv")})
    assert [image.view for image in study.images] == ["PA", "PA"]
    assert study.findings == "The lungs are clear."
    assert all(load(image, 64).std() > 10 for image in study.images)
