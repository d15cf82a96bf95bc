from medxpert.documents.document import as_json
from medxpert.documents.markdown import render
from medxpert.report import NOTICE
from medxpert.reporting import Report


def test_the_notice_says_what_it_is_for():
    assert NOTICE == "Research use only, not for diagnosis."


def test_an_empty_report_bears_the_notice_too():
    empty = Report("", "", (), (), (), (), "template")
    text = render(empty)
    assert text.count(NOTICE) == 2
    assert text.startswith(f"**{NOTICE}**")
    assert text.rstrip().splitlines()[-1].startswith(f"**{NOTICE}**")
    assert as_json(empty)["research_use_only"] is True
