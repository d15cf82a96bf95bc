from html.parser import HTMLParser

import pytest

from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.tables.split import tables
from medxpert.tables.page import write_page

VOID = {"meta", "img", "br"}


class Checker(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.sources, self.words = [], [], []

    def handle_starttag(self, tag, attributes):
        assert tag not in {"script", "link", "iframe"}
        self.sources += [value for name, value in attributes if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("prompts", [False, True])
def test_page_is_whole_and_stands_alone(make_run, tmp_path, prompts):
    run = make_run(prompts=prompts)
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "similarity.png").write_bytes(b"\x89PNG")
    found = tables(measure_run(run, "test", "untrained"))
    write_page(tmp_path / "report.html", found, run.provenance, {tmp_path / "plots" / "similarity.png": "Cosines."})
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Checker()
    page.feed(text)
    assert page.open == []
    assert page.sources == ["data:image/png;base64,iVBORw=="]
    assert "credentialed" in page.words
    assert "<tiny>" in page.words  # markup in provenance is shown, not obeyed
    assert "not for diagnosis" in text
    assert "url(" not in text
