import subprocess
import sys

import pydicom
import pytest
from pydicom import uid
from pydicom.sequence import Sequence

from medxpert.images.errors import ImageError
from medxpert.images.files import ImageFile, load
from medxpert.images.header import DicomHeader, read_header

PRIVATE = {
    "PatientName": "Quixote^Dulcinea",
    "PatientBirthDate": "19340517",
    "PatientAddress": "7 Windmill Lane",
    "PatientTelephoneNumbers": "555-0199",
    "OtherPatientIDs": "SSN-078-05-1120",
    "PatientMotherBirthName": "Sancha",
    "ReferringPhysicianName": "Carrasco^Samson",
    "PerformingPhysicianName": "Nicholas^Barber",
    "OperatorsName": "Ginesillo",
    "InstitutionName": "Barataria Hospital",
    "InstitutionAddress": "1 Island Road",
    "StationName": "ROCINANTE",
    "AccessionNumber": "ACC4711",
    "StudyDate": "20210304",
    "StudyTime": "112233",
    "AcquisitionDate": "20210305",
    "StudyID": "ST99",
    "StudyDescription": "Chest for Dulcinea Quixote",
    "SeriesDescription": "Thorax PA Quixote",
    "ProtocolName": "Protocol of Mrs Quixote",
    "ImageComments": "call Dulcinea",
    "AdditionalPatientHistory": "fell off Rocinante",
    "BodyPartExamined": "QUIXOTES CHEST",
    "Modality": "DULCINEA",
    "BurnedInAnnotation": "ASK QUIXOTE",
    "StudyInstanceUID": "1.2.Quixote",
}
WORDS = {
    word.lower()
    for value in PRIVATE.values()
    for word in value.replace("^", " ").split()
    if word not in ("PA", "Thorax", "CHEST", "Chest", "of", "for", "off", "fell", "ASK", "call", "7", "1", "Protocol")
}


def header_of(make, ramp, **elements):
    return read_header(make(ramp, **elements))


def test_nothing_private_leaves_the_header(dicom_file, ramp, tmp_path):
    path = tmp_path / "film.dcm"
    path.write_bytes(dicom_file(ramp, PatientID="P17", SOPInstanceUID="1.2.3.4", Rows=20, **PRIVATE))
    header = read_header(path)
    assert header == DicomHeader("", "P17", "PA", "", "", 20, 24, "MONOCHROME2", "", "1.2.3.4", "ACC4711", "20210305")
    assert not [word for word in WORDS - {"acc4711", "20210305"} if word in repr(header).lower()]


def said_about(read, path):
    """Return all that a caller can see of a result or an error."""
    try:
        return repr(read(path))
    except ImageError as error:
        return f"{error} {error!r} {error.args} {error.__cause__!r}"


def test_nothing_private_is_said_about_broken_files(dicom_file, ramp, tmp_path, caplog, recwarn):
    path, said = tmp_path / "film.dcm", []
    data = dicom_file(ramp, WindowCenter="987654", WindowWidth="1", PatientID="P", **PRIVATE)
    for broken in (data, data.replace(b"987654", b"Quixot"), data.replace(b"ISO_IR", b"QUIXOT")):
        for cut in [*range(150, len(broken), 97), len(broken)]:
            path.write_bytes(broken[:cut])
            said += [said_about(read, path) for read in (read_header, lambda path: load(ImageFile(path), 32))]
    assert any("found broken data (ValueError)" in line for line in said)
    said += caplog.messages + [str(warning.message) for warning in recwarn]
    text = " ".join(said).replace(str(tmp_path), "").lower()
    assert not [word for word in [*WORDS - {"acc4711", "20210305"}, "quixot"] if word in text]


def test_fields(dicom_file, ramp):
    header = header_of(
        dicom_file,
        ramp,
        StudyInstanceUID="1.2.840.5",
        SOPInstanceUID="1.2.840.6",
        PatientID=" P1 ",
        ViewPosition="AP",
        BodyPartExamined="Chest",
        BurnedInAnnotation="YES",
        PhotometricInterpretation="MONOCHROME1",
    )
    assert header == DicomHeader("1.2.840.5", "P1", "AP", "DX", "CHEST", 20, 24, "MONOCHROME1", "YES", "1.2.840.6")


def test_absent_fields_are_empty():
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = uid.BasicTextSRStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    buffer = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    assert read_header(buffer.getvalue()) == DicomHeader()


@pytest.mark.parametrize(
    ("elements", "taken"),
    [
        ({}, ""),
        ({"StudyDate": "20210304", "StudyTime": "112233.123"}, "20210304112233"),
        ({"StudyDate": "20210304", "StudyTime": "1122"}, "202103041122"),
        ({"StudyDate": "20210304"}, "20210304"),
        ({"StudyTime": "200112.14"}, ""),
        ({"StudyDate": "20210304", "AcquisitionDate": "20210305", "AcquisitionTime": "08"}, "2021030508"),
        ({"AcquisitionTime": "080000", "StudyDate": "20210304", "StudyTime": "112233"}, "20210304112233"),
        ({"AcquisitionDateTime": "20210306070809.5+0100", "AcquisitionDate": "20210305"}, "20210306070809"),
        ({"AcquisitionDateTime": "2021", "StudyDate": "20210304"}, "20210304"),
        ({"StudyDate": "2021.03.04", "StudyTime": "11:22:33"}, "20210304112233"),
        ({"StudyDate": "20211304"}, ""),
        ({"StudyDate": "00010101"}, ""),
        ({"StudyDate": "20210304", "StudyTime": "992233"}, "20210304"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_taken(dicom_file, ramp, elements, taken):
    assert header_of(dicom_file, ramp, **elements).taken == taken


def code(meaning):
    item = pydicom.Dataset()
    item.CodeMeaning = meaning
    return Sequence([item])


@pytest.mark.parametrize(
    ("elements", "view"),
    [
        ({"ViewPosition": "PA"}, "PA"),
        ({"ViewPosition": "ap"}, "AP"),
        ({"ViewPosition": "AP SUPINE"}, "AP"),
        ({"ViewPosition": "LL"}, "LATERAL"),
        ({"ViewPosition": "LATERAL"}, "LATERAL"),
        ({"ViewPosition": "LLD", "SeriesDescription": "AP"}, ""),
        ({"ViewPosition": "RAO"}, ""),
        ({"ViewPosition": "", "SeriesDescription": "W033 Chest P.A."}, "PA"),
        ({"ViewPosition": "NONE", "SeriesDescription": "Thorax postero-anterior"}, "PA"),
        ({"ViewPosition": "PA", "SeriesDescription": "Chest lateral"}, "PA"),
        ({"ViewCodeSequence": code("antero-posterior"), "SeriesDescription": "PA"}, "AP"),
        ({"ViewCodeSequence": code("left lateral")}, "LATERAL"),
        ({"SeriesDescription": "CHEST PA AND LATERAL"}, ""),
        ({"SeriesDescription": "Portable chest", "ProtocolName": "Chest AP"}, "AP"),
        ({"SeriesDescription": "PAtient apart, late"}, ""),
        ({"SeriesDescription": "Chest AP oblique"}, ""),
        ({"PatientOrientation": ["P", "F"]}, "LATERAL"),
        ({"PatientOrientation": ["A", "F"]}, "LATERAL"),
        ({"PatientOrientation": ["L", "F"]}, ""),
        ({}, ""),
    ],
)
def test_view(dicom_file, ramp, elements, view):
    assert read_header(dicom_file(ramp, **elements)).view == view


def test_pixels_are_not_read(dicom_file, ramp, tmp_path):
    path = tmp_path / "film"
    for syntax in (uid.ExplicitVRLittleEndian, uid.RLELossless):
        data = dicom_file(ramp, syntax)
        path.write_bytes(data[:-100])
        assert read_header(path).rows == 20


def test_no_dicom(tmp_path):
    path = tmp_path / "film.png"
    with pytest.raises(ImageError, match=r"film\.png: No such file") as caught:
        read_header(path)
    assert caught.value.reason == "image missing"
    path.write_bytes(b"\x89PNG" + bytes(200))
    with pytest.raises(ImageError, match=r"film\.png: expected a DICOM file") as caught:
        read_header(path)
    assert caught.value.reason == "not a DICOM"


def test_pydicom_waits_for_the_first_dicom():
    loaded = "import sys, medxpert.images.files, medxpert.images.burned_in; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert "simplejpeg" in names
    assert not {"pydicom", "torch", "pylibjpeg", "gdcm"}.intersection(names)
