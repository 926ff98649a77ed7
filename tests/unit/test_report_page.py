"""The report's pages: what they must say, that the folder stands alone, and that nothing in the data can break them."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import pytest
import yaml

from angiolith.audit.trace import find_cell
from angiolith.cohort.analysis_plan import sealed_plan
from angiolith.core.cells import address_parts, cell_address
from angiolith.core.settings.analyses import Analysis, ChangeColumns
from angiolith.core.tables import write_tsv
from angiolith.report.analyses import analysis_view, attrition_steps, printed_rows
from angiolith.report.distributions import axis_ticks, change_plot, group_plot
from angiolith.report.methods import methods_section
from angiolith.report.plots import bar_segments, forest
from angiolith.report.sessions import Stage, advice
from angiolith.report.texts import DEFAULT, TextsError, read_texts, untranslated
from tests import made_report
from tests.made_report import associations, attrition

VOID = {"wbr", "meta", "img", "input", "line", "rect", "path", "br", "link"}
TEXTS = read_texts()


class Outline(HTMLParser):
    """Raises AssertionError on tags that do not close; keeps ids, links, sources and texts."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.text, self.unnamed = [], [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []
        if tag == "img" and not given.get("alt") and given.get("id") != "picture":
            self.unnamed.append(given)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    outline = Outline()
    outline.feed(page.read_text(encoding="utf-8"))
    assert outline.open == []
    return outline


def test_forest_places_ratios_on_a_log_axis():
    plot = forest(associations(), TEXTS["cohort"])
    two, half, none = plot.rows
    assert two.x - plot.null == pytest.approx(plot.null - half.x)  # 2 and 1/2 lie equally far from 1
    assert two.x == pytest.approx((two.low + two.high) / 2)  # 1 to 4 about 2
    assert two.low == pytest.approx(plot.null)
    assert {text: place for place, text in plot.ticks}["2"] == pytest.approx(two.x)
    assert half.term == "b, per 10"
    assert (none.x, none.text, none.mark) == (None, "not estimated", "1")
    assert plot.notes == [("1", "complete separation")]


def test_forest_cuts_endless_intervals_with_an_arrow():
    cut = associations(ci_high=[np.inf, 1.25, np.nan], ci_low=[1e-9, 0.2, np.nan])
    row = forest(cut, TEXTS["cohort"]).rows[0]
    assert row.cut_low
    assert row.cut_high
    assert (row.low, row.high) == (0.0, 1.0)


def test_forest_of_a_linear_model_uses_estimates_on_a_plain_axis():
    table = associations(
        odds_ratio=np.nan, estimate=[1.0, -1.0, 3.0], ci_low=[0.5, -2.0, 2.0], ci_high=[1.5, 0.0, 4.0], note=None
    )
    plot = forest(table, TEXTS["cohort"])
    assert plot.rows[0].x - plot.null == pytest.approx(plot.null - plot.rows[1].x)
    assert plot.axis.startswith("difference")


def test_stacked_bar_fills_the_width():
    segments = bar_segments([3, 1, 0])
    assert segments == [(0.0, 75.0), (75.0, 25.0), (100.0, 0.0)]


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 10, [0, 2, 4, 6, 8, 10]), (3, 3, [2.4, 3.6])])
def test_axis_covers_the_values_with_few_round_ticks(low, high, expected):
    start, end, ticks = axis_ticks(low, high)
    assert start <= low
    assert end >= high
    assert 3 <= len(ticks) <= 8
    if low != high:
        assert ticks == expected


def test_box_plot_follows_tukey():
    values = [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 30]  # quartiles 3.25, 5.5, 7.75: 30 lies beyond 7.75 + 1.5 x 4.5
    plot = group_plot(pd.DataFrame({"x": values, "g": "a"}), "x", "g", ["a", "b"], {})
    (box,) = plot.boxes
    place = {text: at for at, text in plot.ticks}
    span = place["30"] / 30
    assert [box.low, box.q1, box.median, box.q3, box.high] == pytest.approx(
        [1 * span, 3.25 * span, 5.5 * span, 7.75 * span, 9 * span]
    )
    assert len(box.dots) == 10


def test_change_plot_takes_subjects_with_both_visits():
    data = pd.DataFrame({"b": [0.0, 10.0, 5.0], "f": [10.0, np.nan, 0.0], "g": ["x", "x", "y"]})
    plot = change_plot(data, "m", ChangeColumns(baseline="b", followup="f"), "g", ["x", "y"], {})
    assert [(panel.label, panel.n, panel.lines) for panel in plot.panels] == [
        ("x", 1, [(0.0, 1.0)]),
        ("y", 1, [(0.5, 0.0)]),
    ]


def test_attrition_bars_are_shares_of_those_who_came():
    steps = attrition_steps(attrition())
    assert [step.percent for step in steps] == [80.0, 80.0]
    assert steps[0].subjects == "001,002"


def test_analysis_shows_only_what_it_has():
    settings = Analysis(kind="lesion", table="lesions")
    view = analysis_view("study", settings, attrition(), {"associations": associations()}, TEXTS["cohort"])
    assert view.characteristics is None
    assert view.correlations is None
    assert len(view.forest.rows) == 3


def test_rows_of_models_and_plots_have_the_labels_of_the_configuration():
    settings = Analysis(
        kind="severity",
        table="t",
        group="sev",
        group_levels=["low", "high"],
        markers=["wmh_volume_cm3"],
        severity="sev",
    )
    labels = {"age": "Age, years", "low": "None or mild", "wmh_volume_cm3": "WMH, cm3", "artery": "Artery"}
    models = associations().assign(term=["age", "artery[BA]", "bmi"], predictor=["age", "artery", "bmi"])
    change = pd.DataFrame({"measure": ["wmh_volume_cm3_change_per_year"], "group": ["low"], "n": [3], "p": [0.2]})
    mediation = pd.DataFrame({"exposure": ["age"], "adjusted_for": ["age, bmi"], "estimate": [0.25]})
    data = pd.DataFrame({"sev": ["low"] * 3 + ["high"] * 3, "wmh_volume_cm3": range(6)})
    tables = {"associations": models, "change": change, "mediation": mediation, "data": data}
    view = analysis_view("study", settings, attrition(), tables, TEXTS["cohort"], labels=labels)
    assert [row.term for row in view.forest.rows] == ["Age, years", "Artery: BA, per 10", "bmi"]
    assert view.change.rows[0][:2] == ["WMH, cm³: change per year", "None or mild"]
    assert view.more[0][2].rows[0][:2] == ["Age, years", "Age, years; bmi"]
    assert view.group_plots[0].measure == "WMH, cm³"
    assert view.group_plots[0].boxes[0].label == "None or mild"
    plain = analysis_view("study", settings, attrition(), tables, TEXTS["cohort"])
    assert [row.term for row in plain.forest.rows] == ["age", "artery[BA], per 10", "bmi"]


def test_cells_that_repeat_those_above_are_marked_and_kept():
    table = printed_rows(pd.DataFrame({"group": ["a", "a", "b"], "measure": ["x", "y", "y"], "r": [0.1, 0.2, 0.3]}))
    assert [row[0] for row in table.rows] == ["a", "a", "b"]  # a copied or sorted table needs them
    assert table.repeats == [0, 1, 0]


@pytest.fixture
def files(tmp_path):
    return made_report.write_run(tmp_path)


def test_folder_stands_alone_and_its_links_lead_somewhere(files, tmp_path):
    home = made_report.build(files, tmp_path).parent
    pages = {path.name: parsed(path) for path in home.glob("*.html")}
    assert set(pages) == {
        *("index.html", "analysis-study.html", "errors.html", "methods.html", "review.html", "marks.html"),
        *("sub-001.html", "sub-002.html", "sub-003.html"),
    }
    for name, outline in pages.items():
        assert len(outline.ids) == len(set(outline.ids)), name
        assert outline.unnamed == [], name
        for link in [*outline.links, *outline.sources]:
            if link.startswith("data:"):
                continue
            target, _, anchor = link.partition("#")
            assert not re.match("[a-z]+:|/|\\.\\.", target), f"{name}: {link} leads out of the folder"
            assert (home / (target or name)).is_file(), f"{name}: {link}"
            if anchor and (target or name) not in ("review.html", "marks.html"):
                assert anchor in pages[target or name].ids, f"{name}: {link}"


def test_pages_give_numbers_with_units_and_reasons_for_missing_ones(files, tmp_path):
    home = made_report.build(files, tmp_path).parent
    raw = (home / "sub-001.html").read_text(encoding="utf-8")
    row = re.search(r"<tr><th scope=\"row\">WMH volume</th>(.*?)</tr>", raw)[1]
    patients = pd.read_csv(tmp_path / "patients.tsv", sep="\t")
    second = patients[patients["subject"].eq(1) & patients["session"].eq(2)][made_report.MARKER].iloc[0]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", row)
    assert cells[:2] == ["cm³", "0"]  # a measured zero
    assert float(cells[2]) == pytest.approx(second, rel=5e-3)
    assert cells[3:] == ["+1.50", "+1.50"]
    severity = re.search(r"<tr><th scope=\"row\">Calcification severity</th>(.*?)</tr>", raw)[1]
    assert "–" in severity
    text = " ".join(" ".join(parsed(home / "sub-001.html").text).split())
    assert "no ct in this session" in text
    assert "366 days" in text


def test_errors_name_the_tables_that_could_not_be_used(files, tmp_path):
    home = made_report.build(files, tmp_path).parent
    text = " ".join(parsed(home / "errors.html").text)
    assert "bids/participants.tsv, row 3, age: '61,5' is not a number; write 61.5" in text
    assert "bids/phenotype/readers.tsv" not in text
    assert "could not be used: 1" in " ".join(parsed(home / "index.html").text)


def test_errors_list_the_files_that_were_not_used_or_chosen(files, tmp_path):
    page = parsed(made_report.build(files, tmp_path).parent / "errors.html")
    text = " ".join(page.text)
    assert "sub-001/ses-01/anat/x_flair.nii.gz" in text
    assert "did you mean <b>_FLAIR</b>?" in text  # as text, not as HTML
    assert "the last run" in text
    assert "plain_ct" not in text


def test_a_json_that_does_not_say_gets_its_own_advice_and_not_that_of_a_bright_lumen():
    reason = (
        "ct: its JSON does not say: contrast agent (ContrastBolusAgent) (130 HU is defined at 120 kVp without contrast)"
    )
    assert advice(Stage("images", "review", reason), TEXTS["errors"]).startswith("Add what you know of the scan")


def test_errors_say_what_to_do(files, tmp_path):
    text = " ".join(parsed(made_report.build(files, tmp_path).parent / "errors.html").text)
    assert "cannot be read as NIfTI" in text
    assert "Copy or convert the file again" in text
    assert "logs/measure_wmh/003_01.log" in text


def test_advice_falls_back_to_the_status():
    assert advice(Stage("images", "failed", "something new"), TEXTS["errors"]) == TEXTS["errors"]["default"]["failed"]


def test_each_part_of_a_reason_gets_its_advice_once():
    reason = (
        "ct: cannot be read as NIfTI (x); copy or convert it again; "
        "microbleeds: 3 spots not distinguished from calcium: no CT"
    )
    said = advice(Stage("images", "failed", reason), TEXTS["errors"])
    assert said.startswith("Copy or convert the file again")
    assert said.count("Without a CT") == 1


def test_data_cannot_inject_markup(files, tmp_path):
    for path in made_report.build(files, tmp_path).parent.glob("*.html"):
        assert "<script>alert" not in path.read_text(encoding="utf-8")


def test_the_sealed_plan_stands_with_every_deviation(files, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(sealed_plan({"<b>gone</b>": {"kind": "severity", "table": "t.tsv"}}, "2026-01-01")))
    raw = made_report.build(files | {"analysis_plan": path}, tmp_path).read_text(encoding="utf-8")
    assert "The analyses were sealed on 2026-01-01" in raw
    assert "&lt;b&gt;gone&lt;/b&gt;</td><td>an analysis</td><td>not there" in raw
    path.write_text("{}")
    raw = made_report.build(files | {"analysis_plan": path}, tmp_path).read_text(encoding="utf-8")
    assert "plan.json is no analysis plan" in raw


def test_figures_of_an_analysis_are_in_the_page(files, tmp_path):
    page = made_report.build(files, tmp_path)
    raw = page.with_name("analysis-study.html").read_text(encoding="utf-8")
    assert raw.count("Splines of the analysis study") == 2  # alternative text and caption


def test_verdicts_of_a_review_stand_with_their_pictures(files, tmp_path):
    review = {"subject": ["001"], "session": ["01"], "picture": ["wmh"], "verdict": ["fail"]}
    write_tsv(pd.DataFrame(review | {"reviewer": ["AB"], "note": ["motion <b>"]}), tmp_path / "review.tsv")
    home = made_report.build(files | {"review": tmp_path / "review.tsv"}, tmp_path).parent
    raw = (home / "sub-001.html").read_text(encoding="utf-8")
    assert '<span class="chip failed">fail</span> AB motion &lt;b&gt;' in raw
    assert "1 failed pictures" in (home / "methods.html").read_text(encoding="utf-8")


def test_report_without_images_shows_the_analyses_alone(files, tmp_path):
    bare = {"sessions": {}, "patients": None, "lesions": None, "change": None, "pairs": {}}
    (tmp_path / "bare").mkdir()
    page = made_report.build(files | bare, tmp_path / "bare")
    assert sorted(path.name for path in page.parent.glob("*.html")) == [
        *("analysis-study.html", "index.html", "methods.html")
    ]
    assert "analysis-study.html" in parsed(page).links


def test_the_first_page_leads_to_each_analysis_under_its_title_and_labels(files, tmp_path, monkeypatch):
    page = made_report.build(files, tmp_path)
    first = page.read_text(encoding="utf-8")
    assert "study_correlations" not in first  # tables of the analysis stand on its own page
    assert first.index('id="subjects"') < first.index('id="analyses"') < first.index('id="doubts"')
    settings = made_report.settings_of()
    settings["analyses"]["study"] |= {"title": "Calcium & <vessels>", "labels": {made_report.MARKER: "WMH, own words"}}
    monkeypatch.setattr(made_report, "settings_of", lambda **_: settings)
    stale = page.with_name("analysis-gone.html")
    stale.write_text("an analysis that is no longer asked for", encoding="utf-8")
    made_report.build(files, tmp_path)
    assert ">Calcium &amp; &lt;vessels&gt;</a>" in page.read_text(encoding="utf-8")
    raw = page.with_name("analysis-study.html").read_text(encoding="utf-8")
    assert "<h1>Calcium &amp; &lt;vessels&gt;</h1>" in raw
    assert "WMH, own words" in raw
    assert not stale.exists()


def test_the_page_of_a_subject_who_left_is_deleted(files, tmp_path):
    home = made_report.build(files, tmp_path).parent
    made_report.build(files | {"sessions": {name: files["sessions"][name] for name in ("001", "003")}}, tmp_path)
    assert sorted(path.name for path in home.glob("sub-*.html")) == ["sub-001.html", "sub-003.html"]


def test_same_run_gives_the_same_pages(files, tmp_path):
    home = made_report.build(files, tmp_path).parent
    first = {path: path.read_bytes() for path in home.glob("*.html")}
    made_report.build(files, tmp_path)
    assert {path: path.read_bytes() for path in home.glob("*.html")} == first


def test_a_text_of_ones_own_cannot_reach_into_the_interpreter():
    texts = {"paragraphs": [{"title": "t", "when": "true", "text": "{{ s.__class__.__mro__ }}"}], "citations": {}}
    with pytest.raises(jinja2.exceptions.SecurityError):
        methods_section(texts, {"s": {}})


def test_methods_are_written_from_the_settings():
    settings = made_report.settings_of()
    settings["calcification"]["threshold"]["hu_min"] = 145.0
    has = dict.fromkeys(
        [
            *("ct", "FLAIR", "T1w", "vwi", "swi", "T2starw"),
            *(
                "associations",
                "correlations",
                "any_splines",
                "site",
                "harmonise",
                "drift",
                "specifications",
                "measurement_error",
                "mediation",
                "follow_up",
                "change",
                "agreement",
            ),
        ],
        False,
    )
    counts = dict.fromkeys(["sessions", "subjects", "pairs", "analyses", "reviewed", "review_failed"], 0)
    versions = dict.fromkeys(
        ["angiolith", "snakemake", "python", "nibabel", "SimpleITK", "antspyx", "statsmodels", "scipy", "pandas"], "9"
    )
    facts = {"s": settings, "has": has | {"ct": True}, "n": counts, "v": versions}
    paragraphs, references = methods_section(TEXTS["methods"], facts)
    (only,) = paragraphs
    assert "at least 145 HU" in only[1]
    assert [reference.split()[0] for reference in references] == ["Agatston", "Kockelkoren", "Woodcock"]
    everything = dict.fromkeys(has, True)
    facts |= {"has": everything, "n": dict.fromkeys(counts, 2)}
    paragraphs, references = methods_section(TEXTS["methods"], facts)
    assert len(references) == len(TEXTS["methods"]["citations"])  # none stands there that no paragraph names
    named = set(re.findall(r"([A-Z]\w+|van Buuren) (\d{4})", " ".join(text for _, text in paragraphs)))
    assert {" ".join(name) for name in named} - {"ICBM 2009"} <= set(TEXTS["methods"]["citations"])
    for tool in ("wmh_tool", "lacune_tool", "cmb_tool"):
        settings[tool] |= {"command": "other {mask}", "version": "2.1"}
    written = dict(methods_section(TEXTS["methods"], facts)[0])
    for title in ("White matter hyperintensities", "Lacunes", "Microbleeds"):
        assert "by another tool" in written[title], title
        assert "version 2.1" in written[title], title
    assert "U-Net" not in written["White matter hyperintensities"]
    assert "closed cavities" not in written["Lacunes"]


def test_a_translation_replaces_every_text_and_is_checked(tmp_path):
    texts = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    texts["pages"]["cohort"] = "Kohorte"
    path = tmp_path / "de.yaml"
    path.write_text(yaml.safe_dump(texts, allow_unicode=True), encoding="utf-8")
    assert read_texts(path)["pages"]["cohort"] == "Kohorte"
    del texts["pages"]["errors"]
    path.write_text(yaml.safe_dump(texts), encoding="utf-8")
    assert read_texts(path)["pages"]["errors"] == TEXTS["pages"]["errors"]  # English, where there is no other
    texts["pages"]["methds"] = "x"
    path.write_text(yaml.safe_dump(texts), encoding="utf-8")
    with pytest.raises(TextsError, match="unknown key 'methds'; did you mean 'methods'"):
        read_texts(path)


def places(node, place=""):
    """Each text with its key."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, f"{place}.{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from places(value, f"{place}.{number}")
    else:
        yield place, str(node)


def test_the_chinese_texts_fit():
    path = DEFAULT.parents[2] / "config/texts_zh.yaml"
    chinese = read_texts(path)
    assert chinese["language"] == "zh"
    assert "methods.paragraphs" not in untranslated(path)
    assert len(untranslated(path)) < 30  # new texts of the report stay English until somebody translates them
    english = dict(places(TEXTS))
    for place, text in places(chinese):
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[place])), place
    assert [pattern for pattern, _ in chinese["errors"]["advice"]] == [
        pattern for pattern, _ in TEXTS["errors"]["advice"]
    ]


def test_the_chinese_methods_state_the_same_settings_and_sources():
    chinese = read_texts(DEFAULT.parents[2] / "config/texts_zh.yaml")["methods"]["paragraphs"]
    english = TEXTS["methods"]["paragraphs"]

    def parts(paragraph):
        values = [re.sub(r"\| join\(.*?\)|or '.*?'", "", one) for one in re.findall(r"{{.*?}}", paragraph["text"])]
        tags = re.findall(r"{%.*?%}", paragraph["text"])
        sources = [key for key in TEXTS["methods"]["citations"] if key in paragraph["text"]]
        return paragraph["when"], sorted(" ".join(one.split()) for one in values), tags, sources

    assert [parts(one) for one in chinese] == [parts(one) for one in english]


def test_templates_and_scripts_hold_no_text_of_their_own():
    """Whatever a person reads comes from the texts: between a template's tags stand expressions and marks alone."""
    for path in sorted((DEFAULT.parent / "templates").glob("*.j2")):
        bare = re.sub(
            r"(?s)\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<style.*?</style>|<script.*?</script>", "", path.read_text()
        )
        words = re.findall(r"[A-Za-z]{2,}", " ".join(re.findall(r">([^<]*)<", bare)))
        assert set(words) <= {"nbsp", "logs", "log"}, path.name  # a space, and the names of files
        assert not re.search(r'(alt|title|placeholder|aria-label)="[^"{]*[A-Za-z]', path.read_text()), path.name


def test_no_key_of_the_texts_hides_behind_a_method_of_dict():
    """A template's `t.section.copy` would be dict's own method."""
    waiting = [TEXTS]
    while waiting:
        section = waiting.pop()
        waiting += [part for part in section.values() if isinstance(part, dict)]
        if section not in (TEXTS["tables"], TEXTS["viewer"]):  # read by the scripts alone
            assert not set(section) & set(dir(dict)), section


def test_no_page_asks_the_network(files, tmp_path):
    home = made_report.build(files, tmp_path).parent
    for path in [*home.glob("*.html"), *home.glob("assets/*.css"), *Path(DEFAULT.parent / "assets").glob("*.js")]:
        assert not re.search(r"(src|href|url\(|fetch\()\s*=?\s*.?https?:", path.read_text(encoding="utf-8")), path.name


def addresses_in(page):
    """Every address that the page's cells have, as its script puts them together."""
    for table in re.findall(r"<table.*?</table>", page.read_text(encoding="utf-8"), re.DOTALL):
        heads = re.findall(r"<th scope=\"col\"(.*?)>", table)
        columns = [
            html.unescape(found[1]) if (found := re.search('data-column="(.*?)"', head)) else "" for head in heads
        ]
        for row in re.findall(r'<tr[^>]*data-row="(.*?)"', table):
            yield from (f"{html.unescape(row)}:{cell_address(column)}" for column in columns if column)
        yield from map(html.unescape, re.findall(r'data-cell="(.*?)"', table))


def test_every_address_in_the_report_is_one_cell_to_trace(files, tmp_path):
    home = made_report.build(files, tmp_path).parent
    found = [address for page in home.glob("*.html") for address in addresses_in(page)]
    for address in found:
        find_cell(tmp_path, address)
    tables = {address_parts(address)[0] for address in found}
    assert tables == {
        *("patients.tsv", "lesions.tsv", "change.tsv", "attrition.tsv", "doubtful_values.tsv", "printed_audit.tsv"),
        *("study_associations.tsv", "study_correlations.tsv", "study_table1_printed.tsv", "marks.tsv"),
    }
    shown = find_cell(tmp_path, r"study_associations.tsv:model=univariable:term=a:odds_ratio")
    assert (shown.value, "2.00 (1.00 to 4.00)" in (home / "analysis-study.html").read_text(encoding="utf-8")) == (
        "2",
        True,
    )


def test_a_notice_stands_at_the_head_of_every_page_and_nowhere_without_one(tmp_path):
    files = made_report.write_run(tmp_path, pictures=False)
    notice = "Simulated data. <no patient>"
    page = made_report.build(files, tmp_path, notice=notice)
    pages = sorted(page.parent.glob("*.html"))
    assert len(pages) > 5
    for each in pages:
        assert f'<p class="notice">{html.escape(notice)}</p>' in each.read_text(encoding="utf-8"), each.name
    assert 'class="notice"' not in made_report.build(files, tmp_path).read_text(encoding="utf-8")
