import pytest
from tokenizers import Tokenizer as TheirTokenizer
from transformers import CLIPTokenizer

from medxpert.models.exchange.tokens import write_tokenizers, write_transformers
from medxpert.models.tokenizer import Tokenizer, clip_tokenizer

TEXTS = [
    "",
    "No acute cardiopulmonary process!",
    "Heart   size\n\tis UPPER-normal; 3.5 cm... it's fine.",
    "épanchement pleural à gauche, 50 µm, 右肺",
    "the " * 40,
]


@pytest.mark.parametrize(("vocab_size", "length"), [(600, 16), (2000, 77), (49_408, 77)])
def test_same_numbers(vocab_size, length, tmp_path):
    ours = clip_tokenizer(vocab_size, length)
    write_transformers(ours, tmp_path)
    write_tokenizers(ours, tmp_path / "one.json")
    expected = [ours([text])[0].tolist() for text in TEXTS]
    theirs = CLIPTokenizer.from_pretrained(tmp_path)
    assert theirs(TEXTS, truncation=True)["input_ids"] == expected
    rows = [one.ids for one in TheirTokenizer.from_file(str(tmp_path / "one.json")).encode_batch(TEXTS)]
    width = max(map(len, expected))
    assert rows == [row + [vocab_size - 1] * (width - len(row)) for row in expected]


def test_older_versions_find_their_files(tmp_path):
    write_transformers(Tokenizer(["c h", "ch e"], 8), tmp_path)
    assert {"vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"} <= {
        p.name for p in tmp_path.iterdir()
    }
