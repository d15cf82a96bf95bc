import numpy as np
import pytest

from medxpert.captioners.tokens import Marks, learn_words, read_tokens, tidy, vocabulary_size
from medxpert.errors import DataError

TEXTS = ["Small left-sided effusion. No pneumothorax.", "No effusion. Small heart."] * 2


def test_rows_begin_end_and_are_filled():
    tokens = learn_words(TEXTS, context_length=12)
    rows = tokens(["No effusion.", "Small left-sided effusion. No pneumothorax."])
    marks = tokens.marks
    assert rows.dtype == np.int64
    assert rows[:, 0].tolist() == [marks.start] * 2
    assert rows[0].tolist()[4:] == [marks.end] + [marks.padding] * (rows.shape[1] - 5)
    assert tokens.text(rows[1].tolist()) == "Small left-sided effusion. No pneumothorax."


def test_long_caption_is_cut_and_still_ends():
    tokens = learn_words(TEXTS, context_length=5)
    row = tokens(["No effusion. Small heart."])[0]
    assert len(row) == 5
    assert row[-1] == tokens.marks.end
    assert tokens.text(row.tolist()) == "No effusion."


def test_sentence_that_was_cut_is_left_out():
    tokens = learn_words(TEXTS, context_length=12)
    row = tokens(["No effusion. Small heart."])[0].tolist()
    assert tokens.text(row[:-2]) == "No effusion."
    assert tokens.text(row[:3]) == "No effusion"


def test_rare_word_is_unknown_and_commonest_come_first():
    tokens = learn_words([*TEXTS, "Unheard."], context_length=12)
    numbers = tokens(["unheard no"])[0].tolist()
    assert numbers[1] == 1
    assert learn_words(TEXTS, 12, most=6)([". effusion heart"])[0].tolist()[1:4] == [4, 5, 1]
    assert tokens([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no effusion . small heart , clear lungs", "No effusion. Small heart, clear lungs"),
        ("left - sided chest tube ( new ) .", "Left-sided chest tube (new)."),
        ("ap / pa film ; 2 . 5 cm", "Ap/pa film; 2. 5 cm"),
        ("", ""),
    ],
)
def test_tidy(written, read):
    assert tidy(written) == read


def test_saved_tokenizer_is_read_back(tmp_path):
    tokens = learn_words(TEXTS, context_length=12)
    tokens.save(tmp_path)
    again = read_tokens(tmp_path, tokens.marks, vocabulary_size(tokens), 12)
    assert np.array_equal(again(TEXTS), tokens(TEXTS))


def test_foreign_vocabulary_is_refused(tmp_path):
    tokens = learn_words(TEXTS, context_length=12)
    tokens.save(tmp_path)
    size = vocabulary_size(tokens)
    for marks, count in ((tokens.marks, size + 3), (tokens.marks, size - 1), (Marks(3, 4, 0), size)):
        with pytest.raises(DataError, match="another vocabulary than the model"):
            read_tokens(tmp_path, marks, count, 12)
    assert read_tokens(tmp_path, tokens.marks, size + 2, 12)  # BLIP's two extra marks


def test_missing_and_broken_file(tmp_path):
    with pytest.raises(DataError, match="is missing"):
        read_tokens(tmp_path, Marks(3, 2, 0), 9, 12)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(DataError, match="is no tokenizer"):
        read_tokens(tmp_path, Marks(3, 2, 0), 9, 12)
