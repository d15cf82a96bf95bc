import pytest

from medxpert.labeler import label_report

HEART, MEDIASTINUM = "Cardiomegaly", "Enlarged Cardiomediastinum"


@pytest.mark.parametrize(
    ("text", "heart", "mediastinum"),
    [
        ("Enlarged heart with normal mediastinum.", 1, 0),
        ("Normal heart size and mediastinal contours.", 0, 0),
        ("The heart and mediastinum are enlarged.", 1, 1),
        ("Heart normal, mediastinum widened.", 0, 1),
        ("The heart is enlarged and the mediastinum is normal.", 1, 0),
        ("The heart is stable with a prominent right hilum.", None, None),
        ("Heart size is normal and the aorta is enlarged.", 0, None),
        ("Heart size stable with large effusion.", None, None),
        ("Heart size is normal, large right pleural effusion.", 0, None),
        ("Mediastinum normal, prominent left upper lobe mass.", None, 0),
        ("Neither heart nor mediastinum is enlarged.", 0, 0),
        ("The mediastinal lymph nodes are enlarged.", None, None),
        ("The heart is top normal.", 0, None),
        ("Heart size is normal to mildly enlarged.", -1, None),
    ],
)
def test_a_state_belongs_to_its_organ(text, heart, mediastinum):
    labels = label_report(text)
    assert (labels[HEART], labels[MEDIASTINUM]) == (heart, mediastinum)
