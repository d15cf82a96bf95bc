import gzip

import pytest

from medxpert.data.tables import Row, rows
from medxpert.errors import ConfigError, DataError

TEXT = b"image,report\r\n1.png,Clear lungs.\r\n"
ROWS = [Row(1, ["image", "report"]), Row(2, ["1.png", "Clear lungs."])]


@pytest.fixture
def read(tmp_path):
    def write(content, name="rows.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return list(rows(path, "data.manifest"))

    return write


@pytest.mark.parametrize("delimiter", [b",", b"\t", b";"])
def test_delimiters(read, delimiter):
    assert read(TEXT.replace(b",", delimiter)) == ROWS


def test_byte_order_mark(read):
    assert read(b"\xef\xbb\xbf" + TEXT) == ROWS


def test_gzip(read):
    assert read(gzip.compress(b"\xef\xbb\xbf" + TEXT), "rows.csv.gz") == ROWS


def test_blank_rows_and_blanks_around_cells(read):
    assert read(b"image,report\n\n,,\n 1.png , a\n") == [ROWS[0], Row(4, ["1.png", "a"])]


def test_line_numbers_count_quoted_line_ends(read):
    found = read(b'image,report\n1,"a\n\nb"\n2,"say ""c"""\n')
    assert found[1:] == [Row(2, ["1", "a\n\nb"]), Row(5, ["2", 'say "c"'])]


def test_empty_file(read):
    assert read(b"") == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", b'image,text\n1,a\n2,"b\n3,c\n', "m.csv:3: broken quotes"),
        ("m.csv", "image,text\n1,caf\u00e9\n".encode("latin-1"), "m.csv: expected UTF-8, found .*; save it as UTF-8"),
        ("m.csv.gz", TEXT, "cannot be read: Not a gzipped file"),
        ("m.csv.gz", gzip.compress(TEXT * 999)[:-12], "cannot be read: Compressed file ended"),
    ],
)
def test_bad_files(read, name, content, message):
    with pytest.raises(DataError, match=message):
        read(content, name)


@pytest.mark.parametrize("name", ["", "absent.csv"])
def test_no_file(tmp_path, name):
    with pytest.raises(ConfigError, match=r"^data.manifest=.*: no such file; change data.manifest"):
        list(rows(tmp_path / name, "data.manifest"))
