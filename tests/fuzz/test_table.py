from tests.fuzz.table import markdown


def test_a_reader_has_a_line_with_what_was_counted_and_versions_are_told_once():
    row = {"tried": 134362, "read": 17112, "refused": 117250, "findings": 0, "mended": 11, "mended_by_fuzzing": 1}
    row |= {"seconds": 630, "coverage": 195, "versions": {"python": "3.11.7"}}
    text = markdown([row | {"fault": f"hostile input: {name}"} for name in ("suites", "MATLAB files")])
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "134" in line]
    counted = ["134,362", "10.5", "17,112", "117,250", "0", "11 (1)", "195"]
    assert lines == [["suites", *counted], ["MATLAB files", *counted]]
    assert text.count("python 3.11.7") == 1
