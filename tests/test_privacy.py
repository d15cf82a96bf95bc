from itertools import product
from pathlib import Path

import pytest

from medxpert.errors import ConfigError
from medxpert.privacy import Decision, checked, decide, loggable, may_leave, strictest, without_credentials
from medxpert.reporting import Endpoint
from medxpert.words import POLICIES

README = Path(__file__).parents[1] / "experiments" / "privacy" / "README.md"
KINDS = ("local", "attested", "public")
BURNED_IN = {"NO": "NO", "YES": "YES", "not said": ""}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (["open"], "open"),
        (["open", "credentialed", "open"], "credentialed"),
        (["credentialed", "private"], "private"),
        ([], "private"),
    ],
)
def test_strictest(policies, expected):
    assert strictest(iter(policies)) == expected


@pytest.mark.parametrize("destination", ["machine", "logger", "hub"])
@pytest.mark.parametrize("policy", ["open", "credentialed", "private"])
def test_only_open_data_leave(policy, destination):
    assert may_leave(policy, destination) is (policy == "open" or destination == "machine")


@pytest.mark.parametrize(
    "call",
    [
        lambda: strictest(["open", "secret"]),
        lambda: may_leave("secret", "machine"),
        lambda: loggable({}, "secret"),
    ],
)
def test_unknown_policy(call):
    with pytest.raises(ConfigError, match="expected one of open, credentialed, private, found 'secret'"):
        call()


@pytest.mark.parametrize("key", ["policy", "data.policy"])
def test_an_unknown_policy_is_told_by_the_key_that_was_typed(key):
    with pytest.raises(ConfigError) as refused:
        checked("secret", key)
    assert str(refused.value) == f"{key}: expected one of open, credentialed, private, found 'secret'; change {key}"


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("s3://key:secret@bucket/shards?region=eu", "s3://bucket/shards?region=eu"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("outputs/a", "outputs/a"),
    ],
)
def test_credentials_are_not_shown(location, shown):
    assert without_credentials(location) == shown


CONFIGS = [
    ({"seed": 1, "rate": 1e-3, "fast": True, "resume": None}, {"seed": 1, "rate": 1e-3, "fast": True, "resume": None}),
    ({"model": {"_target_": "a.b.clip", "weights": "laion2b_s34b_b79k"}}, None),
    ({"trainer": {"precision": "bf16-mixed", "betas": [0.9, 0.98], "logger": {}}}, None),
    ({"model": {"weights": "outputs/ward"}}, {"model": {}}),
    ({"model": {"weights": "C:\\ward"}}, {"model": {}}),
    ({"model": {"weights": "~ward"}}, {"model": {}}),
    ({"model": {"weights": "s3:ward"}}, {"model": {}}),
    ({"model": {"weights": "ward.pt"}}, {"model": {}}),
    ({"model": {"weights": "existing"}}, {"model": {}}),
    ({"model": {"weights": "earlier-run"}}, {"model": {}}),
    ({"model": {"weights": Path("ward")}}, {"model": {}}),
    ({"loader": {"text": "Miss Doe has effusion"}}, {"loader": {}}),
    ({"loader": {"text": "w" * 41}}, {"loader": {}}),
    ({"index": {"of": ["flat", "a/b", {"path": "/a", "k": 3}]}}, {"index": {"of": ["flat", {"k": 3}]}}),
    (
        {"data": {"_target_": "a.read", "policy": "private", "num": 3, "prompts": False, "columns": {"ward": 1}}},
        {"data": {"num": 3, "prompts": False}},
    ),
    ({"data": {"names": ["ward", 1], "split": None}}, {"data": {"split": None}}),
]


@pytest.mark.parametrize("policy", ["credentialed", "private"])
@pytest.mark.parametrize(("config", "shown"), CONFIGS)
def test_a_configuration_names_no_data_where_it_is_logged(tmp_path, monkeypatch, config, shown, policy):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "existing").touch()
    (tmp_path / "outputs" / "earlier-run").mkdir(parents=True)
    assert loggable(config, policy) == (config if shown is None else shown)
    assert loggable(config, "open") == config


def table(heading):
    """Return the rows of the first table under a heading of the README, as cells."""
    _, text = README.read_text("utf-8").split(f"## {heading}\n")
    lines = text.partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def asked(kind, policies, send_image=False, burned_in="", confirmed=False):
    return decide(*policies, Endpoint(kind, f"the {kind} place"), send_image, burned_in, confirmed)


def strictest_of(policies):
    return POLICIES[max(POLICIES.index(policy) for policy in policies)]


def test_what_the_table_says_is_what_is_decided():
    answers = {(kind, policy): answer for kind, policy, answer in table("Does anything go?")}
    assert set(answers) == set(product(KINDS, POLICIES))
    for kind, *policies in product(KINDS, POLICIES, POLICIES, POLICIES):
        decision = asked(kind, policies)
        assert decision.effective == strictest_of(policies)
        assert decision.action == answers[kind, decision.effective]
        assert not decision.pixels


def test_what_the_table_says_of_pictures_is_what_is_decided():
    rows = table("Does the picture go as well?")
    for kind, policy, send, said, confirmed in product(KINDS, POLICIES, (True, False), BURNED_IN, (True, False)):
        decision = asked(kind, [policy] * 3, send, BURNED_IN[said], confirmed)
        place = ("any", "local" if kind == "local" else "other")
        told = [
            answer
            for where, *conditions, answer in rows
            if where in place
            and all(
                cell in ("any", value)
                for cell, value in zip(conditions, (str(send).lower(), said, str(confirmed).lower()), strict=True)
            )
        ]
        assert len(told) == 1
        assert decision.pixels == (told == ["yes"] and decision.action != "refuse")


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("kind", ["attested", "public"])
def test_an_odd_header_keeps_the_picture(kind, confirmed):
    assert asked(kind, ["open"] * 3, True, "no", confirmed)[:2] == ("send_scrubbed", False)


def test_an_endpoint_of_no_known_kind_is_public():
    assert asked("vertex", ["open", "open", "private"]).action == "refuse"
    assert asked("vertex", ["open"] * 3).action == "send_scrubbed"


def test_every_reason_is_one_line_that_names_the_place():
    for kind, policy, send, said in product(KINDS, POLICIES, (True, False), BURNED_IN.values()):
        reason = asked(kind, [policy] * 3, send, said).reason
        assert f"the {kind} place" in reason
        assert "\n" not in reason


def test_a_refusal_names_who_is_strict_and_the_way_out():
    reason = asked("public", ["open", "credentialed", "private"]).reason
    assert reason.startswith("nothing was sent to the public place: the index is credentialed, the model is private;")
    assert "reporter=template" in reason
    assert "reporter.attested_endpoint=" in reason


@pytest.mark.parametrize(
    ("policies", "helps"),
    [
        (["private", "open", "open"], True),
        (["private", "credentialed", "open"], False),
        (["open", "private", "open"], False),
        (["private", "open", "private"], False),
    ],
)
def test_saying_that_the_query_is_open_is_advised_only_where_it_helps(policies, helps):
    assert ("policy=open" in asked("public", policies).reason) is helps


def test_a_picture_that_stays_is_told():
    assert asked("attested", ["private"] * 3, True) == Decision(
        "send_scrubbed",
        False,
        "private",
        "scrubbed text to the attested place (attested); the picture stays: nobody says that no text is burned in; "
        "look at it, then confirm_no_text=true",
    )
    assert "its header says that text is burned in" in asked("public", ["open"] * 3, True, "YES", True).reason
    assert "picture" not in asked("public", ["open"] * 3, False).reason
    assert "picture" not in asked("public", ["open"] * 3, True, "NO").reason


@pytest.mark.parametrize("place", range(3))
def test_policies_must_be_known(place):
    policies = ["open"] * 3
    policies[place] = "secret"
    with pytest.raises(ConfigError, match="found 'secret'"):
        asked("local", policies)
