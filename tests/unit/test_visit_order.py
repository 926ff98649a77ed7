"""The order of a subject's visits: right for every way to write dates and labels, refused where it cannot be told."""

import pytest

from angiolith.core.bids.dates import DateError, iso_date
from angiolith.core.bids.visits import order_visits
from angiolith.core.manifest import IndexSettings, ManifestError, Row, index_bids, visit_pairs, with_visits
from tests.unit.test_manifest import touch


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-01-31", "2024-01-31"),
        ("20240131", "2024-01-31"),
        ("2024/01/31", "2024-01-31"),
        ("2024.01.31", "2024-01-31"),
        ("2024-01-31T10:00:00", "2024-01-31T10:00:00"),
        ("2024-01-31 10:00", "2024-01-31T10:00:00"),
        ("2024-01-31T10:00:00.250000Z", "2024-01-31T10:00:00"),
        ("2024-01-31T10:00:00+01:00", "2024-01-31T10:00:00"),
        ("20240131100000.500000", "2024-01-31T10:00:00"),
        ("20240131T100000", "2024-01-31T10:00:00"),
        ("1877-06-15T13:45:30", "1877-06-15T13:45:30"),
    ],
)
def test_dates_that_begin_with_the_year_are_read(text, iso):
    assert iso_date(text) == iso


@pytest.mark.parametrize(
    "text",
    [
        *(
            "31.01.2024",
            "3.2.2024",
            "01/02/2024",
            "31012024",
            "2024-1-3",
            "2024-13-01",
            "2024-02-30",
            "45322",
            "2024",
            "",
        ),
        *("2024-01-31x", "2024-01", "0000-00-00", "31-Jan-2024"),
    ],
)
def test_what_could_be_two_dates_or_is_none_is_refused(text):
    with pytest.raises(DateError, match="write YYYY-MM-DD"):
        iso_date(text)


@pytest.mark.parametrize(
    "labels",  # from the first visit to the last; none of these in the order of text
    [
        ("1", "2", "10"),
        ("6m", "12m"),
        ("M6", "M12"),
        ("m0", "m6", "y1"),
        ("9w", "6mo", "1y"),
        ("pre", "post"),
        ("pre", "12m"),
        ("bl", "3m", "24m"),
        ("base", "FU"),
        ("pre", "fu1", "fu2", "fu10"),
        ("visit2", "visit10"),
        ("2019", "2021"),
        ("20191201", "20200101"),
        ("001", "02", "10"),
        ("baseline", "followup"),
        ("day1", "day30"),
    ],
)
def test_labels_that_can_be_read_in_one_way_order_the_visits(labels):
    order = order_visits(dict.fromkeys(reversed(labels)))
    assert order.sessions == labels
    assert order.how.startswith("labels")


@pytest.mark.parametrize(
    "labels",
    [
        ("a", "b"),
        ("A1", "B1"),
        ("01052020", "02042021"),  # a day and a month?
        ("0105", "0204"),
        ("010520", "020421"),
        ("pre1", "pre2"),
        ("post", "6m"),
        ("1", "01"),
        ("pre", "baseline"),
        ("1", "2b"),
        ("on", "off"),
        ("scan", "rescan"),
        ("6m", "6mo"),
    ],
)
def test_labels_that_cannot_be_told_are_refused_and_never_sorted_as_text(labels):
    order = order_visits(dict.fromkeys(labels))
    assert order.sessions is None
    assert "session_order" in order.how


def test_dates_come_first_whatever_their_form_and_whatever_the_labels_say():
    assert order_visits({"01": "2021-05-01", "02": "2020-05-01"}).sessions == ("02", "01")
    assert order_visits({"a": "2020-05-01T09:00:00", "b": "2020-05-01T08:00:00"}).sessions == ("b", "a")
    assert order_visits({"post": "2021-01-01", "pre": "2020-01-01"}, ["pre", "post"]) == (
        order_visits({"post": "2021-01-01", "pre": "2020-01-01"})
    )


@pytest.mark.parametrize(
    ("dates", "declared", "why"),
    [
        ({"a": "2020-01-01", "b": "2020-01-01"}, [], "cannot be determined"),  # one day for both
        ({"a": "2020-01-01", "b": None}, [], "cannot be determined"),
        ({"1": "2021-01-01", "2": "2020-01-01", "3": None}, [], "labels contradict the dates"),
        ({"pre": "2021-01-01", "post": "2020-01-01"}, ["pre", "post"], "session_order contradicts"),
        ({"pre": None, "post": None, "mid": None}, ["pre", "post"], "does not name ses-mid"),
        ({"1": "1900-01-01", "2": "2020-01-01"}, [], "shifted"),
    ],
)
def test_what_contradicts_itself_is_refused(dates, declared, why):
    order = order_visits(dates, declared)
    assert order.sessions is None
    assert why in order.how


def test_a_declared_order_is_used_where_dates_are_missing():
    assert order_visits(dict.fromkeys(("b", "c", "a")), ["c", "a", "b"]).sessions == ("c", "a", "b")
    assert order_visits(dict.fromkeys(("a", "z")), ["ses-z", "ses-m", "ses-a"]).sessions == ("z", "a")


def two_visits(root, first="01", second="02", **sidecars):
    for session in (first, second):
        stem = f"sub-1/ses-{session}/anat/sub-1_ses-{session}_T1w"
        touch(root, f"{stem}.nii.gz")
        if session in sidecars:
            (root / f"{stem}.json").write_text(sidecars[session])
    return root


def scans(root, session, day, name="anat/sub-1_ses-{}_T1w.nii.gz"):
    text = f"filename\tacq_time\n{name.format(session)}\t{day}\n"
    (root / f"sub-1/ses-{session}/sub-1_ses-{session}_scans.tsv").write_text(text)


def test_scans_tsv_dates_a_visit(tmp_path):
    two_visits(tmp_path, "x", "y")
    scans(tmp_path, "x", "20210501")
    scans(tmp_path, "y", "2020-05-01T10:00:00")
    rows = index_bids(tmp_path).rows
    assert visit_pairs(rows) == {"1": ("y", "x")}
    assert [row.get("acq_time") for row in rows] == ["2021-05-01", "2020-05-01T10:00:00"]


@pytest.mark.parametrize("key", ["AcquisitionDateTime", "AcquisitionDate", "ScanDate", "StudyDate"])
def test_sidecars_date_a_visit(tmp_path, key):
    two_visits(tmp_path, "x", "y", x=f'{{"{key}": "20210501"}}', y=f'{{"{key}": "2020-05-01"}}')
    assert visit_pairs(index_bids(tmp_path).rows) == {"1": ("y", "x")}


def test_sources_that_disagree_are_said_and_an_order_they_contradict_is_refused(tmp_path):
    two_visits(tmp_path)
    (tmp_path / "sub-1/sub-1_sessions.tsv").write_text("session_id\tacq_time\nses-01\t2020-05-01\nses-02\t2021-05-01\n")
    scans(tmp_path, "01", "2020-03-01")
    index = index_bids(tmp_path)
    (note,) = [note for note in index.files if note.status == "note"]
    assert "2020-05-01 (sessions.tsv), 2020-03-01 (scans.tsv); sessions.tsv is used" in note.reason
    assert visit_pairs(index.rows) == {"1": ("01", "02")}
    scans(tmp_path, "01", "2022-03-01")
    scans(tmp_path, "02", "2021-05-01")
    index = index_bids(tmp_path)
    assert visit_pairs(index.rows) == {}
    assert any(
        "no change between visits is measured: sessions.tsv and scans.tsv order" in n.reason for n in index.files
    )


def test_sessions_tsv_with_labels_that_match_nothing_says_so(tmp_path):
    two_visits(tmp_path)
    (tmp_path / "sub-1/sub-1_sessions.tsv").write_text("session_id\tacq_time\nses-1\t2021-05-01\nses-2\t2020-05-01\n")
    notes = [note.reason for note in index_bids(tmp_path).files if note.status == "note"]
    assert notes == [
        "row 2: session_id 'ses-1' is no session with images; did you mean '01'?",
        "row 3: session_id 'ses-2' is no session with images; did you mean '02'?",
    ]


def test_the_order_can_be_declared_and_a_declaration_that_fits_nobody_is_an_error(tmp_path):
    two_visits(tmp_path, "a", "b")
    assert visit_pairs(index_bids(tmp_path).rows) == {}
    assert visit_pairs(index_bids(tmp_path, IndexSettings(session_order=["b", "a"])).rows) == {"1": ("b", "a")}
    with pytest.raises(ManifestError, match=r"session_order: no session is called 'pre'; known: a, b"):
        index_bids(tmp_path, IndexSettings(session_order=["pre", "post"]))


def test_a_manifest_may_number_its_visits():
    rows = [Row("1", "a", {"visit_number": "2"}), Row("1", "b", {"visit_number": "1"})]
    assert visit_pairs(with_visits(rows)) == {"1": ("b", "a")}
    with pytest.raises(ManifestError, match="visit_number needs a number of its own"):
        with_visits([rows[0], Row("1", "b", {})])
    dated = [
        Row("1", "a", rows[0].values | {"acq_time": "2020-01-01"}),
        Row("1", "b", rows[1].values | {"acq_time": "2021-01-01"}),
    ]
    assert visit_pairs(with_visits(dated)) == {}
