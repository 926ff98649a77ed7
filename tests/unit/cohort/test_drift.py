"""Control charts of quality measures: a published example, a planted step found, and what has no limits says why."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.drift import drift_tables, in_runs
from angiolith.cohort.drift_picture import draw_drift
from angiolith.core.settings.analyses import Drift

ASKED = Drift(measures=["noise"], date="acq_time", by="scanner")


def test_limits_are_those_of_the_published_example():
    """Flow rates of ten batches: NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2."""
    rates = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
    table = pd.DataFrame({"rate": rates, "acq_time": pd.date_range("2024-01-01", periods=10).strftime("%Y-%m-%d")})
    row = drift_tables(table, Drift(measures=["rate"]))[0].iloc[0]
    assert [row["limit_low"], row["centre"], row["limit_high"]] == pytest.approx([45.8159, 50.81, 55.8041], abs=2e-4)
    assert "10 values: limits are uncertain" in row["note"]


def scans(seed=1, step=0.0):
    """60 scans of two scanners; the second one's noise rises by `step` SDs after its fortieth scan."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2023-01-02", periods=60, freq="7D").strftime("%Y-%m-%dT09:30:00")
    tables = []
    for scanner, level in (("A", 10.0), ("B", 14.0)):
        noise = level + rng.normal(0, 1, 60) + step * (scanner == "B") * (np.arange(60) >= 40)
        names = [f"{scanner}{at:02d}" for at in range(60)]
        tables.append(pd.DataFrame({"subject": names, "scanner": scanner, "noise": noise, "acq_time": days}))
    return pd.concat(tables).sample(frac=1, random_state=seed)  # the order of the table is none


def test_a_planted_step_of_one_scanner_is_found_there_alone():
    summary, points = drift_tables(scans(step=2.5), ASKED)
    still, drifted = summary.set_index("site").loc[["A", "B"]].to_dict("records")
    assert drifted["n_in_run"] > 5
    assert drifted["p"] < 0.001
    assert drifted["per_year"] > 1
    assert still["n_in_run"] == 0
    assert still["n_outside"] <= 1  # 3 in 1,000 of a normal distribution
    assert still["p"] > 0.05
    assert still["sd"] == pytest.approx(1, rel=0.25)
    chart = points[points["site"] == "B"]
    assert chart["date"].is_monotonic_increasing
    assert chart["subject"].tolist() == [f"B{at:02d}" for at in range(60)]
    assert chart.loc[chart["in_run"] == 1, "order"].max() > 45


def test_nine_on_one_side_make_a_run():
    assert in_runs([1] * 8 + [-1] + [1] * 9, 0.0).tolist() == [False] * 17 + [True]
    assert not in_runs([1] * 8 + [0] + [1] * 8, 0.0).any()


def test_few_values_have_no_limits_and_a_figure_all_the_same(tmp_path):
    table = scans().iloc[:14].copy()
    table.iloc[0, table.columns.get_loc("acq_time")] = None
    summary, points = drift_tables(table, ASKED)
    assert summary["limit_low"].isna().all()
    assert summary["note"].str.contains("too few for limits").all()
    assert summary["note"].str.contains("1 row").sum() == 1
    assert len(points) == 13
    for name in ("a.svg", "b.svg"):
        draw_drift(summary, points, {"noise": "Noise, HU"}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "Noise, HU: A" in (tmp_path / "a.svg").read_text()
