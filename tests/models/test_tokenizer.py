import subprocess
import sys

import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.models.tokenizer import VOCAB_SIZE, Tokenizer, clip_tokenizer, read_merges

TEXTS = [
    "",
    "No acute cardiopulmonary process.",
    "FINDINGS:  The heart is mildly\n enlarged;   1.5 cm nodule (RUL), unchanged?!",
    "It's 12/24 -- can't, we'll, they've; T12-L1 >= 3 mm & <5%",
    "x&amp;amp;y &lt;b&gt; &quot;quoted&quot; &copy;",
    "œdème pulmonaire, épanchement 左肺 🙂 naïve \u201ccurly\u201d \ufb01ne",
    "schÃ¶n dÃ©jÃ  vu \x1b[31mred\x1b[0m \x00 \u00a0 \u3000 tab\tend",
    "___ year old, [**2101-3-4**] XXXX aaaaaaaaaaaaaaaa banana",
    "literal <end_of_text> and <START_OF_TEXT> marks",
    "pneumonoultramicroscopicsilicovolcanoconiosis " * 30,
]


@pytest.fixture(scope="module")
def tokenizer():
    return clip_tokenizer()


def test_equals_open_clip(tokenizer):
    stock = pytest.importorskip("open_clip.tokenizer").SimpleTokenizer()
    expected = stock(TEXTS).numpy()
    found = tokenizer(TEXTS)
    assert tokenizer.vocab_size == VOCAB_SIZE == stock.vocab_size
    np.testing.assert_array_equal(found, expected[:, : found.shape[1]])
    assert not expected[:, found.shape[1] :].any()


def test_pads_to_the_longest_text_of_the_batch(tokenizer):
    tokens = tokenizer(["heart", "clear lungs again"])
    assert tokens.dtype == np.int64
    assert tokens.shape == (2, 5)
    assert tokens[0].tolist()[2:] == [VOCAB_SIZE - 1, 0, 0]


def test_a_cut_text_ends_with_the_mark(tokenizer):
    tokens = Tokenizer(tokenizer.merges, context_length=6)(["one two three four five six seven"])
    assert tokens.shape == (1, 6)
    assert tokens[0, -1] == VOCAB_SIZE - 1


def test_count_ignores_the_cut(tokenizer):
    assert tokenizer.count("lung " * 100) == 102


def test_no_texts(tokenizer):
    assert tokenizer([]).shape == (0, 0)


def test_a_cut_vocabulary_spells_the_same_text():
    small = clip_tokenizer(vocab_size=8192)
    tokens = small(TEXTS)
    assert small.vocab_size == 8192
    assert tokens.max() == 8191
    assert small.count("the heart is normal") <= 8


def test_saved_merges_make_the_same_tokenizer(tmp_path):
    small = clip_tokenizer(vocab_size=1000)
    small.save(tmp_path / "merges.txt")
    copy = Tokenizer(read_merges(tmp_path / "merges.txt"))
    np.testing.assert_array_equal(copy(TEXTS), small(TEXTS))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read the tokenizer's merges"), (b"\xff\xfe", "cannot read"), (b"a b\nabc", "found 'abc'")],
)
def test_bad_merges(tmp_path, content, message):
    path = tmp_path / "merges.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_merges(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocab_size": 513}, "model.vocab_size must lie between 514 and 49408, found 513"),
        ({"vocab_size": 49409}, "found 49409"),
        ({"context_length": 1}, "model.context_length must be at least 2, found 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        clip_tokenizer(**arguments)


def test_needs_neither_torch_nor_open_clip():
    code = (
        "import sys; from medxpert.models.tokenizer import clip_tokenizer; clip_tokenizer()(['a heart']);"
        "print(sorted({'torch', 'open_clip', 'ftfy', 'transformers'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
