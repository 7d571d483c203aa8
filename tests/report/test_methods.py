import pandas as pd

from sysid_tbptt.report.methods import names, told


def test_a_method_is_named_by_its_model_and_by_its_optimiser_unless_that_is_adam():
    rows = pd.DataFrame({"model": ["gru", "gru", "arx"], "optimiser": ["adam", "lm", ""]})
    assert names(rows) == ["gru", "gru (lm)", "arx"]


def test_names_are_explained_where_one_is_more_than_a_model():
    assert told(["adam", "", "adam"]) == []
    (text,) = told(["adam", "lm", "lm"])
    assert "(lm): trained by Levenberg-Marquardt" in text
