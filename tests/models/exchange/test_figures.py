from medxpert.models.exchange.figures import figures


def figure(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def shelf(value):
    return {"val": {"image_to_text": {"identity": {"recall@1": figure(value), "recall@5": figure(value)}}}}


def test_before_after_and_gain_with_their_intervals():
    metrics = {
        "pretrained": shelf(0.2),
        "adapted": shelf(0.5),
        "differences": {"adapted-pretrained": shelf(0.3)},
        "cases": {"val": {"studies": 8}},
    }
    assert list(figures(metrics, "pretrained"))[2:] == [
        "",
        "| Image to text | weights | R@1 | R@5 | R@10 |",
        "|---|---|---|---|---|",
        "| val (8 studies) | pretrained | 20.0 (10.0 to 30.0) | 20.0 (10.0 to 30.0) | - |",
        "| val (8 studies) | adapted | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) | - |",
        "| val (8 studies) | gain | 30.0 (20.0 to 40.0) | 30.0 (20.0 to 40.0) | - |",
    ]


def test_nothing_measured():
    assert list(figures({}, "untrained")) == ["not recorded"]
