"""The report page: what it must say, that it stands alone, and that nothing in the data can break it."""

import base64
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from scripts.build_report import main
from scripts.lib.config import Analysis, Config
from scripts.lib.report.analyses import analysis_view, attrition_steps
from scripts.lib.report.plots import bar_shares, forest
from scripts.lib.tables import write_json, write_tsv

VOID = {"wbr", "meta", "img", "input", "line", "rect", "path", "br", "link"}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOSTILE = "<script>alert('x')</script> & \"quoted\""


class Outline(HTMLParser):
    """Raises AssertionError on tags that do not close; keeps ids, links and sources."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.text = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []
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


def associations(**columns):
    rows = {
        "model": ["univariable", "univariable", "model1"],
        "term": ["a", "b", "a"],
        "per": [1.0, 10.0, 1.0],
        "n": [100, 90, 80],
        "estimate": np.log([2.0, 0.5, 4.0]),
        "odds_ratio": [2.0, 0.5, np.nan],
        "ci_low": [1.0, 0.2, np.nan],
        "ci_high": [4.0, 1.25, np.nan],
        "p": [0.05, 0.14, np.nan],
        "note": [None, None, "complete separation"],
    }
    return pd.DataFrame(rows | columns)


def test_forest_places_ratios_on_a_log_axis():
    plot = forest(associations())
    two, half, none = plot.rows
    assert two.x - plot.null == pytest.approx(plot.null - half.x)  # 2 and 1/2 lie equally far from 1
    assert two.x == pytest.approx((two.low + two.high) / 2)  # 1 to 4 about 2
    assert two.low == pytest.approx(plot.null)
    assert {text: place for place, text in plot.ticks}["2"] == pytest.approx(two.x)
    assert half.term == "b, per 10"
    assert (none.x, none.text, none.mark) == (None, "not estimated", "1")
    assert plot.notes == [("1", "complete separation")]


def test_forest_cuts_endless_intervals_with_an_arrow():
    row = forest(associations(ci_high=[np.inf, 1.25, np.nan], ci_low=[1e-9, 0.2, np.nan])).rows[0]
    assert row.cut_low
    assert row.cut_high
    assert (row.low, row.high) == (0.0, 1.0)


def test_forest_of_a_linear_model_uses_estimates_on_a_plain_axis():
    table = associations(
        odds_ratio=np.nan, estimate=[1.0, -1.0, 3.0], ci_low=[0.5, -2.0, 2.0], ci_high=[1.5, 0.0, 4.0], note=None
    )
    plot = forest(table)
    assert plot.rows[0].x - plot.null == pytest.approx(plot.null - plot.rows[1].x)
    assert plot.axis.startswith("difference")


def test_stacked_bar_fills_the_width():
    shares = bar_shares([3, 1, 0])
    assert shares == [(0.0, 75.0), (75.0, 25.0), (100.0, 0.0)]


def attrition():
    return pd.DataFrame(
        {
            "analysis": ["study"] * 2,
            "step": [1, 2],
            "reason": [f"no CT {HOSTILE}", "analysed"],
            "n_in": [10, 8],
            "n_excluded": [2, 0],
            "n_left": [8, 8],
            "rows_in": [12, 9],
            "rows_excluded": [3, 0],
            "rows_left": [9, 9],
            "excluded_subjects": ["001 002", None],
        }
    )


def test_attrition_bars_are_shares_of_those_who_came():
    steps = attrition_steps(attrition())
    assert [step.share for step in steps] == [80.0, 80.0]
    assert steps[0].subjects == "001 002"


def test_analysis_shows_only_what_it_has():
    settings = Analysis(kind="lesion", table="lesions").model_dump(mode="json")
    view = analysis_view("study", settings, attrition(), {"associations": associations()})
    assert view.characteristics is None
    assert view.correlations is None
    assert len(view.forest.rows) == 3


@pytest.fixture
def run_files(tmp_path):
    """Files of a run with two sessions, one of them with nothing but reasons."""
    keys = {"subject": ["001", "002"], "session": ["01", "01"]}
    write_tsv(
        pd.DataFrame(keys | {"acq_time": ["2024-03-01T10:00:00", None], "ct": ["ct.nii.gz", None]}),
        tmp_path / "manifest.tsv",
    )
    patients = pd.DataFrame(
        keys
        | {
            "severity_group": ["severe", None],
            "calcification_volume_mm3": [812.25, np.nan],
            "calcification_status": ["review", "missing"],
            "calcification_reason": [HOSTILE, "no ct in this session"],
            "wmh_volume_cm3": [0.0, np.nan],
            "smallvessel_status": ["ok", "failed"],
            "smallvessel_reason": [None, "the FLAIR holds no brain"],
        }
    )
    write_tsv(patients, tmp_path / "patients.tsv")
    lesions = pd.DataFrame(
        keys
        | {
            "lesion": [1, None],
            "artery": ["BA", None],
            "side": ["M", None],
            "stenosis_percent": [61.4, np.nan],
            "plaque_status": ["ok", "missing"],
            "plaque_reason": [None, "no vwi in this session"],
        }
    )
    write_tsv(lesions, tmp_path / "lesions.tsv")
    change = pd.DataFrame({"subject": ["001"], "measure": ["wmh_volume_cm3"], "baseline": [4.0], "followup": [5.0]})
    write_tsv(change.assign(change=1.0, change_per_year=0.9), tmp_path / "change.tsv")
    write_tsv(attrition(), tmp_path / "attrition.tsv")
    write_tsv(associations(), tmp_path / "study_associations.tsv")
    (tmp_path / "study_flow.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    doubt = {"file": ["patients.xlsx"], "row": [7], "column": ["ldl_mg_dl"], "why": [f"another unit? {HOSTILE}"]}
    write_tsv(pd.DataFrame(doubt), tmp_path / "doubtful_values.tsv")
    audit = {"row": ["age_years"], "printed": ["0.62"], "verdict": ["consistent"]}
    write_tsv(pd.DataFrame(audit), tmp_path / "printed_audit.tsv")
    sessions = []
    for subject in keys["subject"]:
        write_json({"status": "ok", "reason": None}, tmp_path / f"{subject}.json")
        (tmp_path / f"{subject}.png").write_bytes(PNG)
        paths = {
            "checks": tmp_path / f"{subject}.json",
            "registration": None,
            "pictures": {"wall": tmp_path / f"{subject}.png"},
        }
        sessions.append({"subject": subject, "session": "01"} | paths)
    return {name: tmp_path / f"{name}.tsv" for name in ("manifest", "patients", "lesions", "change", "attrition")} | {
        "agreement": None,
        "agreement_plots": None,
        "doubtful_values": tmp_path / "doubtful_values.tsv",
        "audits": {"printed": tmp_path / "printed_audit.tsv"},
        "sessions": sessions,
        "analyses": {
            "study": {
                "tables": {"associations": tmp_path / "study_associations.tsv"},
                "flow": tmp_path / "study_flow.svg",
            }
        },
    }


def built(files, folder, **report):
    settings = Config(analyses={"study": Analysis(kind="lesion", table="lesions")}).model_dump(mode="json")
    settings["report"] |= report
    page = folder / "report/index.html"
    main(SimpleNamespace(params=SimpleNamespace(files=files, settings=settings), output=SimpleNamespace(page=page)))
    return page


def test_page_stands_alone_and_its_links_lead_somewhere(run_files, tmp_path):
    outline = parsed(built(run_files, tmp_path))
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith("#") and link[1:] in outline.ids for link in outline.links)
    assert outline.sources
    assert all(source.startswith("data:image/") for source in outline.sources)
    assert sum(source.startswith("data:image/svg+xml;base64,") for source in outline.sources) == 1
    assert not re.search(r"(src|href|url\()=?.?https?:", (tmp_path / "report/index.html").read_text(encoding="utf-8"))


def test_page_gives_numbers_with_units_and_reasons_for_missing_ones(run_files, tmp_path):
    page = built(run_files, tmp_path)
    text = " ".join(" ".join(parsed(page).text).split())
    assert "812.2" in text
    assert "mm³" in text
    assert "no ct in this session" in text
    assert "the FLAIR holds no brain" in text
    assert "complete separation" in text
    assert "another unit?" in text
    assert "Audit of the printed table printed" in text
    wmh = re.findall(r"<dt>WMH volume</dt><dd>(\S+)", page.read_text(encoding="utf-8"))
    assert [value.split("<")[0] for value in wmh] == ["0", "–"]  # a measured zero, and a missing value


def test_data_cannot_inject_markup(run_files, tmp_path):
    raw = built(run_files, tmp_path).read_text(encoding="utf-8")
    assert "<script>alert" not in raw
    assert raw.count("&lt;script&gt;alert") >= 2


def test_large_cohorts_link_their_pictures(run_files, tmp_path):
    outline = parsed(built(run_files, tmp_path, embed_sessions_max=1))
    assert outline.sources[1:] == ["../001.png", "../002.png"]  # the flow picture is small: it stays in the page


def test_page_without_images_shows_the_analyses_alone(run_files, tmp_path):
    files = run_files | {"sessions": [], "patients": None, "lesions": None, "change": None}
    outline = parsed(built(files, tmp_path))
    assert "overview" not in outline.ids
    assert "analysis-study" in outline.ids


def test_same_run_gives_the_same_page(run_files, tmp_path):
    first = built(run_files, tmp_path).read_bytes()
    assert built(run_files, tmp_path).read_bytes() == first
