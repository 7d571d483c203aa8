"""The page in a real browser: it must work from disk, by mouse and by keyboard, and show records as text."""

import os
import re
import shutil

import numpy as np
import pytest

from sysid_tbptt.data.series import Series, Units
from sysid_tbptt.report import site
from sysid_tbptt.report.leaderboard import board
from sysid_tbptt.report.tables import all_tables
from sysid_tbptt.runs.predictions import write_predictions
from tests.report.made_up import ERRORS as STUDY
from tests.report.made_up import record, stored, study

pytest.importorskip("playwright", reason="playwright is not installed: the page is not tried in a browser")
pytest.importorskip("plotly", reason="plotly is not installed: there is no page to try")
pytest.importorskip("itables", reason="itables is not installed: there is no page to try")

from playwright.sync_api import expect, sync_playwright

BROWSER = os.environ.get("SYSID_TBPTT_BROWSER") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    not BROWSER, reason="no browser: install chromium, or name one in SYSID_TBPTT_BROWSER, to try the page"
)

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
OPTIONS += ["--disable-component-update", "--disable-sync"]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}

HOSTILE = '<img src=x onerror="hacked=1">\'\u2028</script><script>hacked=1</script>&amp;'
HOSTILE_PROTOCOL = f"{HOSTILE} · {HOSTILE}"
ERRORS = {0: 4.0, 5: 2.0, 8: 1.0, 11: 3.0}
"""Validation error by m."""

MODELS = {"gru": 3.0, "lstm": 1.0, "rnn": 2.0}


def runs():
    """Six seeds of three models on two data sets, and one run whose every name is hostile."""
    for dataset, unit in (("ced", 10.0), ("tanks", 1.0)):
        for model, scale in MODELS.items():
            for seed in range(6):
                for m, val in ERRORS.items():
                    error = unit * scale * val * (1 + 0.01 * seed)
                    yield record(m, error, error, error, dataset=dataset, model=model, seed=seed)
    names = {"suite": HOSTILE, "dataset": HOSTILE, "split": HOSTILE, "model": HOSTILE}
    for m in (0, 3):
        run = record(m, 1.0, 1.0 + m, {HOSTILE: 1.0}, **names)
        run = run.model_copy(update={"provenance": {HOSTILE: HOSTILE, "data": {"protocol": HOSTILE}}})
        run.metrics["test"][HOSTILE]["unit"] = [HOSTILE]
        yield run
    yield record(5, 1.0, 1.0, 1.0, status="diverged", **names).model_copy(update={"reason": HOSTILE})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with its page; predictions of two runs, the error of the first largest about sample 1500."""
    store = stored(tmp_path_factory.mktemp("results"), runs())
    for run in store.records():
        if run.config.burn_in == 8 and run.config.seed == 0:
            y = np.sin(np.arange(4000.0) / 20)[:, None]
            error = np.exp(-(((np.arange(4000.0) - 1500) / 50) ** 2))[:, None]
            series = Series(y, y, 0.1, Units(u=("V",), y=("V",)), 5, "test")
            write_predictions(store.predictions(run.run_id), [series], {"test": y + error})
    site.write_site(store, all_tables(store.records()))
    return store


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_page(browser, results):
    """Opens the page from disk; ``troubles`` of a page are its errors and what it asked the network for."""
    address = (results.root / "site" / "index.html").as_uri()

    def open_page(viewport):
        page = browser.new_context(viewport=viewport, color_scheme="light", reduced_motion="reduce").new_page()
        page.troubles = []
        page.on("console", lambda message: page.troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith("file:") or page.troubles.append(asked.url))
        page.goto(address)
        expect(page.locator("#curve-plot .main-svg").first).to_be_visible()
        return page

    return open_page


@pytest.fixture(scope="module")
def wide(open_page):
    return open_page(WIDE)


def heading(page, name):
    return page.locator("#board thead").get_by_role("button", name=re.compile(name))


@pytest.fixture
def page(wide):
    """The page on a wide screen, all rows in the order of the tests; no test may cause an error or ask the network."""
    wide.keyboard.press("Escape")
    heading(wide, "Test").click()
    for name in ("dataset", "protocol", "model"):
        wide.select_option(f"#board-{name}", "")
    yield wide
    assert wide.troubles == []


def shows(page, rows):
    """The leaderboard shows these data sets and models, in this order, as soon as it has drawn them."""
    expect(page.locator("#board tbody td.test b")).to_have_text([dataset for dataset, _ in rows])
    expect(page.locator("#board tbody th")).to_have_text([model for _, model in rows])


def test_rows_are_those_of_the_leaderboard_in_its_order(page, results):
    rows = board(results.records())
    shows(page, list(zip(rows["dataset"], rows["model"], strict=True)))
    ranks = page.locator("#board tbody td:nth-child(2)").all_inner_texts()
    assert [text.split("\n")[0] for text in ranks] == [str(rank) for rank in rows["rank"]]


def test_a_click_on_a_heading_sorts(page):
    page.select_option("#board-dataset", "tanks")
    heading(page, "RMSE").click()
    shows(page, [("tanks", "lstm"), ("tanks", "rnn"), ("tanks", "gru")])
    heading(page, "RMSE").click()
    shows(page, [("tanks", "gru"), ("tanks", "rnn"), ("tanks", "lstm")])
    expect(page.locator("#board th", has_text="RMSE")).to_have_attribute("aria-sort", "descending")


def test_a_heading_sorts_by_keyboard(page):
    page.select_option("#board-dataset", "tanks")
    heading(page, "Model").focus()
    page.keyboard.press("Enter")
    shows(page, [("tanks", "gru"), ("tanks", "lstm"), ("tanks", "rnn")])


def test_filters_leave_what_was_chosen(page):
    page.select_option("#board-dataset", "ced")
    expect(page.locator('#board tbody tr:not([data-dataset="ced"])')).to_have_count(0)
    page.select_option("#board-model", "rnn")
    shows(page, [("ced", "rnn")])
    page.select_option("#board-dataset", "")
    shows(page, [("ced", "rnn"), ("tanks", "rnn")])
    page.select_option("#board-protocol", HOSTILE_PROTOCOL)
    expect(page.get_by_text("No row has all of this.")).to_be_visible()


def test_search_finds_words(page):
    box = page.get_by_role("searchbox", name="Search").first
    box.fill("tanks gru")
    shows(page, [("tanks", "gru")])
    box.fill("")


def chosen_ids(results, m, model="lstm", dataset="tanks"):
    return {
        run.run_id
        for run in results.records()
        if (run.config.dataset, run.config.model, run.config.burn_in) == (dataset, model, m)
    }


def row(page, dataset="tanks", model="lstm"):
    return page.locator(f'#board tr[data-dataset="{dataset}"][data-model="{model}"]')


def ids(page):
    return set(page.locator("#provenance tbody td:first-child").all_inner_texts())


@pytest.mark.parametrize(("runs", "m"), [("runs", 8), ("runs_m0", 0)])
def test_a_click_on_a_number_opens_its_runs(page, results, runs, m):
    row(page).locator(f'button[data-runs="{runs}"]').click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert ids(page) == chosen_ids(results, m)
    assert ("burn_in", str(m)) in {
        tuple(line.split("\n")) for line in page.locator("#provenance .listed > div").all_inner_texts()
    }
    assert "0123456789abcdef" in page.locator("#provenance").inner_text()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_panel_opens_and_closes_by_keyboard_and_gives_the_focus_back(page, results):
    button = row(page, "ced", "gru").locator('button[data-runs="runs"]')
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert ids(page) == chosen_ids(results, 8, "gru", "ced")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_run_links_to_the_file_that_holds_its_record(page, results):
    row(page).locator('button[data-runs="runs"]').click()
    links = page.locator("#provenance a").all()
    assert len(links) == 6
    for link in links:
        target = (results.root / "site" / link.get_attribute("href")).resolve()
        assert link.inner_text() in target.read_text(encoding="utf-8")


def test_what_records_say_stays_text(page):
    visible = " ".join(HOSTILE.split())
    row = page.locator("#board tbody tr", has_text="onerror")
    assert visible in " ".join(row.inner_text().split())
    row.locator('button[data-runs="runs"]').click()
    panel = page.locator("#provenance")
    for part in ("h2", "p", "dt", "dd"):
        assert any(visible in " ".join(text.split()) for text in panel.locator(part).all_inner_texts()), part
    page.keyboard.press("Escape")
    page.select_option(
        "#curve-test", index=[test["dataset"] for test in page.evaluate("page.data('curves')")].index(HOSTILE)
    )
    legend = page.locator("#curve-plot .legendtext").all_text_contents()
    assert visible in [" ".join(text.split()) for text in legend]
    page.select_option("#board-dataset", HOSTILE)
    shows(page, [(HOSTILE, HOSTILE)])
    box = page.get_by_role("searchbox", name="Search").first
    box.fill("onerror")
    box.fill("")
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img").count() == 0
    page.select_option("#curve-test", index=0)


def test_a_script_that_got_in_would_not_run(page):
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img id=in src=data:, onerror=\"hacked=1\">')")
    page.wait_for_timeout(200)
    assert page.evaluate("typeof hacked") == "undefined"
    assert "Content Security Policy" in page.troubles.pop()
    page.evaluate("document.getElementById('in').remove()")


def names(page):
    return page.evaluate("document.getElementById('curve-plot').data.map((trace) => trace.name).filter(Boolean)")


def test_curves_are_chosen_by_test_and_model(page):
    page.select_option("#curve-test", label="tanks (test · made)")
    assert names(page) == ["gru", "lstm", "rnn"]
    median = page.evaluate("document.getElementById('curve-plot').data.find((t) => t.name === 'lstm').y")
    assert median == pytest.approx([val * 1.025 for val in ERRORS.values()])
    page.select_option("#curve-model", "rnn")
    assert names(page) == ["rnn"]
    page.select_option("#curve-model", "")


def test_a_click_on_a_point_opens_its_runs(page, results):
    page.select_option("#curve-test", label="tanks (test · made)")
    page.select_option("#curve-model", "lstm")
    point = page.locator("#curve-plot .scatterlayer .points path").nth(1)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#curve-plot .hovertext").first).to_be_visible()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert ids(page) == chosen_ids(results, 5)
    page.keyboard.press("Escape")
    page.select_option("#curve-model", "")


def test_points_open_their_runs_by_keyboard(page, results):
    page.select_option("#curve-test", label="ced (test · made)")
    page.get_by_text("The points as a table").click()
    line = page.locator("#curve-points tbody tr", has_text="rnn").nth(3)
    line.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert ids(page) == chosen_ids(results, 11, "rnn", "ced")


def heat(page):
    return page.evaluate("document.getElementById('heat-plot').data.map(({ x, y, z, text }) => ({ x, y, z, text }))")


@pytest.fixture
def map_page(browser, tmp_path):
    """The page of a study with three seeds at two N, with hostile names."""
    names = {"dataset": HOSTILE, "model": HOSTILE}
    scales = ((12, 1.0), (24, 0.5))
    store = stored(
        tmp_path, [run for n, scale in scales for s in range(3) for run in study(scale, seq_len=n, seed=s, **names)]
    )
    (index,) = site.write_site(store, all_tables(store.records()))
    page = browser.new_context(viewport=WIDE, reduced_motion="reduce").new_page()
    page.troubles = []
    page.on("console", lambda message: page.troubles.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.goto(index.as_uri())
    expect(page.locator("#heat-plot .main-svg").first).to_be_visible()
    yield page, store
    assert page.troubles == []
    page.context.close()


def test_the_heat_map_shows_n_and_m_and_a_cell_opens_its_runs(map_page):
    page, store = map_page
    short, long, chosen = heat(page)
    errors = np.array([test for _, _, test in STUDY.values()])
    assert short["z"][0] == pytest.approx(np.log10(errors / errors.min() * 2))
    assert long["z"][0] == pytest.approx(np.log10(errors / errors.min()))
    assert short["x"] == pytest.approx([edge / 12 for edge in (0, 2.5, 6.5, 9.5, 12)])
    assert chosen["x"] == pytest.approx([8 / 12, 8 / 24])
    page.locator("#heat-plot").scroll_into_view_if_needed()
    box = page.locator("#heat-plot .nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.7
    page.mouse.move(x, y)
    expect(page.locator("#heat-plot .hovertext").first).to_contain_text("N = 12, m = 0")
    page.mouse.click(x, y)
    expect(page.get_by_role("dialog")).to_be_visible()
    runs = {run.run_id for run in store.records() if (run.config.seq_len, run.config.burn_in) == (12, 0)}
    assert ids(page) == runs


def test_a_table_of_a_study_opens_by_keyboard(map_page):
    page, _ = map_page
    summary = page.get_by_text("Does the chosen m* hold on test data?")
    table = page.get_by_role("region", name=re.compile("does the chosen"))
    expect(table).to_be_hidden()
    summary.focus()
    page.keyboard.press("Enter")
    expect(table).to_contain_text("600.000")
    assert page.evaluate("document.documentElement.scrollWidth") == WIDE["width"]
    assert page.evaluate("typeof hacked") == "undefined"


def test_a_simulation_is_zoomed_by_button_and_by_mouse(page):
    def range_shown():
        return page.evaluate("document.getElementById('simulation-plot')._fullLayout.xaxis.range")

    page.select_option("#simulation-test", label="tanks (test · made)")
    whole = range_shown()
    assert whole == pytest.approx([0, 399.9])
    page.click("#simulation-worst")
    low, high = range_shown()
    assert low < 150 < high
    assert high - low == pytest.approx(14.9)
    page.click("#simulation-whole")
    assert range_shown() == pytest.approx(whole)
    box = page.locator("#simulation-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert range_shown() == pytest.approx([100, 200], abs=2)


def test_the_first_tab_leads_past_the_navigation_and_is_seen(page):
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to the results")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    assert link.evaluate("(it) => getComputedStyle(it).outlineStyle") == "solid"


def test_a_phone_scrolls_tables_and_never_the_page(open_page):
    page = open_page(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    box = page.get_by_role("region", name="Leaderboard").last
    assert box.evaluate("(it) => it.scrollWidth > it.clientWidth")
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(it) => it.scrollLeft > 0", arg=box.element_handle())
    page.locator("#board button").first.click()
    panel = page.get_by_role("dialog").bounding_box()
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= PHONE["width"]
    assert page.evaluate("document.getElementById('provenance').scrollWidth") <= panel["width"]
    assert page.troubles == []
    page.context.close()


def lightness(page, element, name):
    red, green, blue = map(int, re.findall(r"\d+", element.evaluate(f"(it) => getComputedStyle(it).{name}"))[:3])
    return (red + green + blue) / 3


def test_light_and_dark_follow_the_reader_plots_too(page):
    body, label = page.locator("body"), page.locator("#curve-plot .ytitle")
    page.emulate_media(color_scheme="dark")
    assert lightness(page, body, "backgroundColor") < 60
    assert lightness(page, label, "fill") > 180
    page.emulate_media(color_scheme="light")
    assert lightness(page, body, "backgroundColor") > 200
    assert lightness(page, label, "fill") < 80
