"""The page as text: what it says, what it links to, and that nothing in it is markup but our own."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysid_tbptt import cli
from sysid_tbptt.errors import SysidError
from sysid_tbptt.report import site
from sysid_tbptt.report.literature import literature
from sysid_tbptt.report.site import libraries, page
from sysid_tbptt.report.tables import all_tables
from sysid_tbptt.runs.store import Store
from tests.report.made_up import html_of, record, stored, study

HOSTILE = '<img src=x onerror="hacked=1">\'\u2028</script><script>hacked=1</script><!--&amp;'


class Page(HTMLParser):
    """What a browser would read: elements, texts of cells, data blocks, links."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.ids, self.cells, self.blocks, self._open = [], [], set(), [], {}, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids.add(attributes.get("id"))
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag in ("td", "th"):
            self.cells.append("")
            self._open = tag
        elif attributes.get("type") == "application/json":
            self._open = attributes["id"].removeprefix("data-")
            self.blocks[self._open] = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th", "script"):
            self._open = None

    def handle_data(self, text):
        if self._open in ("td", "th"):
            self.cells[-1] += text
        elif self._open:
            self.blocks[self._open] += text


@pytest.fixture
def read(tmp_path):
    """The page of records, read."""

    def read(*records):
        return Page(html_of(stored(tmp_path, records)))

    return read


def hostile():
    names = {"suite": HOSTILE, "dataset": HOSTILE, "split": HOSTILE, "model": HOSTILE}
    for m in (0, 3):
        run = record(m, 1.0, 1.0, {HOSTILE: 1.0 + m}, **names)
        run.metrics["test"][HOSTILE]["unit"] = [HOSTILE]
        yield run.model_copy(update={"provenance": {HOSTILE: HOSTILE, "data": {"protocol": HOSTILE}}})
        yield run.model_copy(update={"run_id": f"longer{m}", "config": run.config.model_copy(update={"seq_len": 24})})
    yield record(5, 1.0, 1.0, 1.0, status="failed", **names).model_copy(update={"reason": HOSTILE})


def test_what_records_say_is_text_and_never_markup(read):
    plain, found = read(*study(), *study(seq_len=24)), read(*hostile())
    assert {tag for tag, _ in found.tags} <= {tag for tag, _ in plain.tags} | {"small", "span"}
    assert not [attributes for _, attributes in found.tags if any(name.startswith("on") for name in attributes)]
    assert any(HOSTILE in cell for cell in found.cells)


def test_data_blocks_are_json_that_cannot_end_their_script(tmp_path, read):
    found = read(*hostile())
    text = html_of(Store(tmp_path))
    for block in found.blocks.values():
        assert not set("<>&\u2028\u2029") & set(block)
    runs = json.loads(found.blocks["runs"])
    assert runs["settings"][0]["model"] == HOSTILE
    assert {run["reason"] for run in runs["runs"]} == {None, HOSTILE}
    assert HOSTILE not in text


texts = st.text(
    st.sampled_from("<>&\"'`/=!-\n\r\t\x00\u2028{}%() abscriptjv:") | st.characters(codec="utf-8"), min_size=1
)
scripts = st.sampled_from(
    ["javascript:hacked=1", "</script>", "<!--<script>", "{{ 7 * 7 }}", "{% raw %}", "]]>", "&#60;b>"]
)
names = st.lists(texts | scripts, min_size=7, max_size=7)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names)
def test_whatever_records_say_is_text(tmp_path, drawn):
    suite, dataset, split, model, test_set, unit, reason = drawn
    about = {"suite": suite, "dataset": dataset, "split": split, "model": model}
    runs = []
    for m in (0, 3):
        run = record(m, 1.0, 1.0, {test_set: 1.0 + m}, **about)
        run.metrics["test"][test_set]["unit"] = [unit]
        told = {"provenance": {"data": {"protocol": reason}, "device": unit, reason: {suite: [model]}}}
        runs.append(run.model_copy(update=told))
    runs.append(record(5, 1.0, 1.0, 1.0, status="failed", **about).model_copy(update={"reason": reason}))
    shutil.rmtree(tmp_path / "records", ignore_errors=True)
    found, plain = Page(html_of(stored(tmp_path, runs))), Page(html_of(stored(tmp_path / "plain", study())))
    assert {tag for tag, _ in found.tags} <= {tag for tag, _ in plain.tags} | {"small", "span", "wbr"}
    assert not [attributes for _, attributes in found.tags if any(name.startswith("on") for name in attributes)]
    assert all(link.startswith(("#", "../", "data:,")) or ("/" not in link and ":" not in link) for link in found.links)
    assert {tag["src"] for name, tag in found.tags if name == "script" and "src" in tag} == {
        tag["src"] for name, tag in plain.tags if name == "script" and "src" in tag
    }
    told = json.loads(found.blocks["runs"])
    assert told["settings"][0]["model"] == model
    assert {run["reason"] for run in told["runs"]} == {None, reason}
    assert all(".." not in Path(run["file"]).parts and run["file"].startswith("records/") for run in told["runs"])


def test_a_run_is_told_whole(read):
    run = record(0, 1.0, 2.0, 3.0, seed=7, seconds=5.0)
    runs = json.loads(read(run, record(5, 1.0, 2.0, 3.0)).blocks["runs"])
    told = next(told for told in runs["runs"] if told["id"] == run.run_id)
    assert (told["seed"], told["status"], told["train_s"]) == (7, "ok", 5.0)
    assert told["rmse"] == {"val": [2.0], "test": [3.0]}
    assert runs["settings"][told["setting"]] | {"seed": 7} == run.config.model_dump(mode="json")
    assert runs["sources"][told["source"]] == run.provenance


def test_what_runs_share_is_kept_once(read):
    runs = json.loads(read(*(record(m, 1.0, 1.0, 1.0, seed=seed) for m in (0, 5) for seed in range(5))).blocks["runs"])
    assert (len(runs["runs"]), len(runs["settings"]), len(runs["sources"])) == (10, 2, 1)


def test_every_link_leads_somewhere(tmp_path):
    pytest.importorskip("plotly", reason="plotly is not installed: no page can be written")
    pytest.importorskip("itables", reason="itables is not installed: no page can be written")
    store = stored(tmp_path, study())
    for name in ("tables/test/a b.csv", "tables/test/a b.md", "figures/test/critical-difference.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (index,) = site.write_site(store, all_tables(store.records()))
    found = Page(index.read_text(encoding="utf-8"))
    links = [link for link in found.links if not link.startswith("data:")]
    assert {"../tables/test/a%20b.csv", "../tables/test/a%20b.md", "../figures/test/critical-difference.png"} <= {
        *links
    }
    for link in links:
        if link.startswith("#"):
            assert link[1:] in found.ids, link
        else:
            assert (index.parent / link.replace("%20", " ")).exists(), link


def test_nothing_is_fetched(tmp_path, read):
    found = read(*study())
    assert not [link for link in found.links if "://" in link or link.startswith("//")]
    (policy,) = [tag["content"] for _, tag in found.tags if tag.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' file:;")
    assert not [tag for name, tag in found.tags if name == "script" and "src" not in tag and "type" not in tag]


def test_published_values_stand_apart_where_the_official_test_records_are(read):
    plain = read(*study(dataset="silverbox", split="paper"))
    found = read(*study(dataset="silverbox", split="official"))
    assert "published" not in plain.ids
    assert "published" in found.ids
    rows = literature("silverbox")
    for name in ("method", "confidence", "source"):
        assert sorted(cell for cell in found.cells if cell in set(rows[name])) == sorted(rows[name])
    assert {f"#source-{source}" for source in rows["source"]} <= {*found.links}
    assert not [cell for cell in found.cells if cell in set(literature("emps")["method"]) - set(rows["method"])]


def test_studies_have_a_section_and_a_map_where_a_model_was_run_with_several_n(read):
    assert "studies" not in read(record(0, 1.0, 1.0, 1.0)).ids
    one, several = read(*study(), *study(seq_len=24, model="gru")), read(*study(), *study(seq_len=24))
    for found in (one, several):
        assert "studies" in found.ids
        assert "#studies" in found.links
    assert ("heat-plot" in one.ids, "heat-plot" in several.ids) == (False, True)
    assert {"next longer N, m = 0", "600.000"} <= {*several.cells}


def test_no_record_is_a_page_that_says_so(tmp_path):
    text = html_of(Store(tmp_path))
    assert "No run has been scored yet." in text
    assert "there are none yet" in text


def test_a_module_becomes_a_classic_script():
    module = "var a=1,b=2;\nexport{a as default,b as jQuery};\n/* legal */"
    script = libraries.classic_script(module)
    assert "export" not in script
    assert script.index("globalThis.itables={default:a,jQuery:b}") > script.index("var a=1")
    assert "/* legal */" in script


@pytest.mark.parametrize("module", ["var a=1;", "export{a};export{b};"])
def test_a_bundle_of_another_form_is_told(module):
    with pytest.raises(SysidError, match=r"export statements.*sysid-tbptt\[site\]"):
        libraries.classic_script(module)


@pytest.fixture
def results(tmp_path):
    stored(tmp_path, study())
    return tmp_path


def test_report_writes_the_page_and_says_where(results, capsys, monkeypatch):
    monkeypatch.setattr(site, "missing", lambda: None)
    monkeypatch.setattr(libraries, "texts", dict)
    assert cli.main(["report", "--no-figures", "--results", str(results)]) == 0
    index = results / "site" / "index.html"
    assert f"page: {index}" in capsys.readouterr().out
    assert {path.name for path in index.parent.iterdir()} == {"index.html", "page.css", *page.SCRIPTS}
    found = Page(index.read_text(encoding="utf-8"))
    assert "../tables/test/first_order.csv" in found.links


def test_report_leaves_the_page_out_when_asked(results):
    assert cli.main(["report", "--no-figures", "--no-site", "--results", str(results)]) == 0
    assert not (results / "site").exists()


def test_a_missing_package_is_one_line_that_names_the_remedy(results, capsys, monkeypatch):
    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    assert cli.main(["report", "--no-figures", "--results", str(results)]) == 0
    assert "no page: the page needs itables and plotly: pip install 'sysid-tbptt[site]'\n" in capsys.readouterr().err
    assert not (results / "site").exists()
    with pytest.raises(SysidError, match="itables and plotly"):
        site.write_site(Store(results), all_tables(Store(results).records()))


def test_the_page_needs_no_package_to_be_read():
    for path in (Path(site.__file__).parent / "assets").iterdir():
        assert "://" not in path.read_text(encoding="utf-8")
