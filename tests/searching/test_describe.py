"""What is told of cases, and what can be asked for."""

from medxpert.searching.describe import describe


def test_only_what_some_case_has_can_be_asked_for(gallery):
    told = describe(gallery.cases)
    assert told.options("view") == ["AP", "PA"]
    assert told.options("source") == ["phantom", "x"]
    assert told.options("label") == ["Pleural Effusion"]
    assert (told.counted("open"), told.counted("credentialed"), told.counted("private")) == (4, 1, 0)
    assert told.policy[4] == "credentialed"


def test_texts_that_read_the_same_have_one_number(gallery):
    assert describe(gallery.cases).texts.tolist() == [0, 0, 1, 0, 2]


def test_a_table_is_read_once(gallery):
    assert describe(gallery.cases) is describe(gallery.cases)
