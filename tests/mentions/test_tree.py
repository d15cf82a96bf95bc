import random

import pytest

from medxpert.mentions.lexicon import Entry, entries, expand, plural
from medxpert.mentions.tree import Node, heads, tree


def found(node, words):
    for word in words:
        node = None if node is None else node.get(word)
    return None if node is None else node.entry


def test_every_phrase_leads_to_its_entry_and_nowhere_else():
    root, known = tree(), dict(entries())
    chosen = random.Random(0).sample(sorted(known), 3000)
    for words in chosen:
        assert found(root, words) == known[words]
        assert found(root, (*words, "zebra")) is None
        assert found(root, words[:-1]) == known.get(words[:-1])


def test_a_plural_leads_where_the_singular_leads():
    root = tree()
    assert found(root, ["pleural", "effusions"]) == found(root, ["pleural", "effusion"]) is not None
    assert found(root, ["lines"]) is not None
    assert found(root, ["line"]) is None


def test_only_nouns_have_a_plural_and_a_word_of_its_own_comes_first():
    noun, other, own = Entry("finding"), Entry("state"), Entry("finding", ("own",))
    root = Node([("(big |)mass", noun), ("clear", other), ("masses", own)])
    assert found(root, ["big", "masses"]) is noun
    assert found(root, ["masses"]) is own
    assert found(root, ["bigs", "mass"]) is noun
    assert root.get(plural("clear")) is None


@pytest.mark.parametrize(
    "phrase",
    [
        "effusion",
        "(small |)effusion",
        "no ((very |)small|large) nodule",
        "(",
        "(a|b c|) (d|)",
        "(x|)y (|z)",
        "a (b",
        "",
    ],
)
def test_heads_are_those_of_the_expanded_phrases(phrase):
    whole = {(head, *tail) if head else () for head, rest in heads(phrase) for tail in expand(rest, {})}
    assert whole == expand(phrase, {})
