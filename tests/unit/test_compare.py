"""Masks beside experts' masks: cubes with known answers, pairs by the names of files, and the page."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.compare.comparison import FILES, PAGE, SCANS, SUMMARY, TOOLS, NothingToCompare, compare
from angiolith.compare.kinds import UnknownKind, words_of_kinds
from angiolith.compare.metrics import lesions, overlap
from angiolith.compare.pairs import masks_in, pairs_of
from angiolith.compare.picture import shown_slices
from angiolith.compare.summary import ALL, classes, paired, summaries
from angiolith.core.bids.walk import OWN_NAME
from angiolith.core.images import Image, write_image
from angiolith.core.tables import read_tsv, write_json, write_tsv
from tests.unit.cli.command import angiolith

SHAPE = (24, 24, 16)
VOXEL_MM = np.array([1.0, 1.0, 3.0])
AFFINE = np.diag([*VOXEL_MM, 1.0])
WORDS = words_of_kinds()


def cube(start, edge=6, shape=SHAPE):
    data = np.zeros(shape, bool)
    data[tuple(slice(at, at + edge) for at in start)] = True
    return data


def put(root, subject, data, name="space-FLAIR_desc-wmh_mask", affine=AFFINE, session=None, folder="anat"):
    visit = f"ses-{session}/" if session else ""
    stem = f"sub-{subject}_ses-{session}" if session else f"sub-{subject}"
    path = root / f"sub-{subject}/{visit}{folder}/{stem}_{name}.nii.gz"
    write_image(data, affine, path)
    return path


def test_a_shifted_cube():
    truth, mask = cube((4, 4, 4)), cube((6, 4, 4))  # a third of 6 voxels apart: 4 of 6 in common
    found = overlap(truth, mask, VOXEL_MM, 3.0)
    assert found["dice"] == pytest.approx(2 * 4 * 36 / (2 * 216))
    assert (found["true_mm3"], found["found_mm3"], found["volume_ratio"]) == (648, 648, 1)
    assert found["hausdorff95_mm"] == pytest.approx(2)  # both flat faces lie two voxels of 1 mm away
    assert 0 < found["mean_surface_mm"] < 2


def test_surfaces_know_the_slices_thickness():
    found = overlap(cube((4, 4, 4)), cube((4, 4, 5)), VOXEL_MM, 3.0)
    assert found["hausdorff95_mm"] == pytest.approx(3)


def test_equal_masks_and_empty_ones():
    one, none = cube((4, 4, 4)), np.zeros(SHAPE, bool)
    same = overlap(one, one, VOXEL_MM, 3.0)
    assert (same["dice"], same["mean_surface_mm"], same["hausdorff95_mm"]) == (1, 0, 0)
    assert np.isnan(overlap(none, none, VOXEL_MM, 3.0)["dice"])
    missed = overlap(one, none, VOXEL_MM, 3.0)
    assert missed["dice"] == 0
    assert missed["volume_ratio"] == 0
    assert np.isnan(overlap(none, one, VOXEL_MM, 3.0)["volume_ratio"])
    assert np.isnan(missed["hausdorff95_mm"])


def test_lesions_are_counted_with_their_corners():
    truth = cube((1, 1, 1), 2) | cube((3, 3, 3), 2) | cube((10, 10, 10), 2) | cube((16, 1, 1), 2)  # the first two touch
    mask = cube((2, 2, 2), 1) | cube((11, 11, 11), 1) | cube((20, 20, 2), 1) | cube((20, 1, 12), 1)
    found = lesions(truth, mask)
    assert (found["n_true"], found["n_found"], found["n_true_met"], found["n_found_met"]) == (3, 4, 2, 2)
    assert found["lesion_sensitivity"] == pytest.approx(2 / 3)
    assert found["lesion_ppv"] == pytest.approx(1 / 2)
    assert found["lesion_f1"] == pytest.approx(4 / 7)


def test_lesions_of_one_side_alone():
    one, none = cube((4, 4, 4)), np.zeros(SHAPE, bool)
    assert lesions(one, none)["lesion_f1"] == 0
    assert lesions(none, one)["lesion_f1"] == 0
    assert np.isnan(lesions(none, none)["lesion_f1"])
    assert np.isnan(lesions(none, one)["lesion_sensitivity"])
    assert lesions(one, cube((14, 14, 4)))["lesion_f1"] == 0  # both have lesions, none met


def test_files_belong_together_by_their_names(tmp_path):
    data = cube((4, 4, 4))
    put(tmp_path / "truth", "01", data, "space-FLAIR_label-WMH_mask")
    put(tmp_path / "truth", "02", data, session="1")
    put(tmp_path / "truth", "02", data, session="2")
    put(tmp_path / "truth", "03", data)
    put(tmp_path / "truth", "04", data, "desc-nonsense_mask")
    put(tmp_path / "truth", "05", data, "desc-wmh_probseg")
    put(tmp_path / "tool", "01", data, session="01")  # its only session, and the truth has none
    put(tmp_path / "tool", "02", data, session="2")
    put(tmp_path / "tool", "06", data)
    truths, left = masks_in(tmp_path / "truth", "truth", WORDS)
    pairs, alone = pairs_of(truths, masks_in(tmp_path / "tool", "tool", WORDS)[0], "tool")
    found = {(pair.subject, pair.session): pair for pair in pairs}
    assert {key: pair.status for key, pair in found.items()} == {
        ("01", "1"): "ok",
        ("02", "1"): "missing",
        ("02", "2"): "ok",
        ("03", "1"): "missing",
    }
    assert found["01", "1"].reason == "session 01 taken for 1"
    reasons = {one.path.rsplit("/", 1)[-1].split("_")[0]: one.reason for one in left + alone}
    assert reasons["sub-04"].startswith("'nonsense' names no kind")
    assert reasons["sub-05"].startswith("a map of probabilities")
    assert reasons["sub-06"] == "no truth for sub-06"


def test_words_of_the_user(tmp_path):
    put(tmp_path, "01", cube((4, 4, 4)), "desc-lesions_mask")
    assert masks_in(tmp_path, "truth", WORDS)[0] == []
    assert masks_in(tmp_path, "truth", words_of_kinds(["wmh=lesions"]))[0][0].kind == "wmh"
    for text in ("tumour=x", "wmh", "wmh=a b"):
        with pytest.raises(UnknownKind, match=text.split("=")[0]):
            words_of_kinds([text])


def test_flat_folders_are_read(tmp_path):
    write_image(cube((4, 4, 4)), AFFINE, tmp_path / "sub-01_ses-02_desc-wmh_mask.nii.gz")
    found = masks_in(tmp_path, "truth", WORDS)[0]
    assert [(mask.subject, mask.session, mask.kind) for mask in found] == [("01", "02", "wmh")]


def scans_of(tmp_path, **options):
    compare(tmp_path / "truth", {"tool": tmp_path / "tool"}, tmp_path / "out", pictures_max=0, **options)
    return read_tsv(tmp_path / "out" / SCANS)


def test_another_resolution_of_the_same_space_is_resampled(tmp_path):
    put(tmp_path / "truth", "01", cube((4, 4, 4)))
    fine = np.kron(cube((4, 4, 4)), np.ones((2, 2, 1), bool))
    affine = np.diag([0.5, 0.5, 3.0, 1.0])
    affine[:2, 3] = -0.25
    put(tmp_path / "tool", "01", fine, affine=affine)
    row = scans_of(tmp_path).iloc[0]
    assert (row["dice"], row["status"]) == (1, "review")
    assert "resampled (nearest)" in row["reason"]


@pytest.mark.parametrize(
    ("name", "shift", "reason"),
    [
        ("space-T1w_desc-wmh_mask", 0, "different spaces"),
        ("desc-wmh_mask", 0.4, "the grids differ"),  # nobody says that the space is one
        ("space-FLAIR_desc-wmh_mask", 12, "of the truth lies outside"),
    ],
)
def test_grids_that_do_not_fit_are_refused(tmp_path, name, shift, reason):
    put(tmp_path / "truth", "01", cube((4, 4, 4)))
    put(tmp_path / "truth", "02", cube((4, 4, 4)))
    affine = AFFINE.copy()
    affine[0, 3] = shift
    put(tmp_path / "tool", "01", cube((4, 4, 4)), name, affine)
    put(tmp_path / "tool", "02", cube((4, 4, 4)))
    row = scans_of(tmp_path).iloc[0]
    assert row["status"] == "failed"
    assert reason in row["reason"]
    assert np.isnan(row["dice"])


def test_a_mask_without_a_space_fits_by_its_grid(tmp_path):
    put(tmp_path / "truth", "01", cube((4, 4, 4)))
    put(tmp_path / "tool", "01", cube((4, 4, 4)), "desc-wmh_mask")
    assert scans_of(tmp_path)["dice"].tolist() == [1]


def test_two_masks_of_a_kind_are_refused(tmp_path):
    put(tmp_path / "truth", "01", cube((4, 4, 4)))
    put(tmp_path / "tool", "01", cube((4, 4, 4)), "desc-wmh_mask")
    put(tmp_path / "tool", "01", cube((4, 4, 4)), "label-WMH_mask")
    put(tmp_path / "truth", "02", cube((4, 4, 4)))
    put(tmp_path / "tool", "02", cube((4, 4, 4)))
    assert "several files fit" in scans_of(tmp_path)["reason"].iloc[0]


def test_a_mask_that_was_not_made_is_counted_without(tmp_path):
    for subject in ("01", "02"):
        put(tmp_path / "truth", subject, cube((4, 4, 4)))
    put(tmp_path / "tool", "02", cube((4, 4, 4)))
    empty = put(tmp_path / "tool", "01", cube((4, 4, 4)))
    empty.write_bytes(b"")
    scans = scans_of(tmp_path)
    assert scans["status"].tolist() == ["failed", "ok"]
    assert "no mask was made" in scans["reason"][0]


def test_of_a_run_only_what_counts_is_compared(tmp_path):
    run = tmp_path / "tool"
    (run).mkdir()
    write_json({"GeneratedBy": [{"Name": OWN_NAME}]}, run / "dataset_description.json")
    labels = 1 * cube((2, 2, 2), 2) + 2 * cube((10, 10, 10), 2)
    put(tmp_path / "truth", "01", cube((2, 2, 2), 2), "desc-calcification_dseg", folder="ct")
    path = put(run, "01", labels, "space-ct_desc-marks_dseg", session="01", folder="ct")
    put(run, "01", labels > 0, "space-ct_desc-calcification_dseg", session="01", folder="ct")
    table = pd.DataFrame({"lesion": [1, 2], "counted": [True, False]})
    write_tsv(table, path.with_name("sub-01_ses-01_desc-calcification_lesions.tsv"))
    for spot in ("microbleed", "lacune"):
        put(tmp_path / "truth", "01", cube((2, 2, 2), 2), f"desc-{spot}s_dseg")
        put(run, "01", labels, f"desc-{spot}s_dseg", session="01")  # before the readers' decisions
        path = put(run, "01", labels, f"desc-{spot}marks_dseg", session="01")
        table = pd.DataFrame({spot: [1, 2], "counted": [True, False]})
        write_tsv(table, path.with_name(f"sub-01_ses-01_desc-{spot}marks.tsv"))
    scans = scans_of(tmp_path).set_index("kind")
    assert scans.loc[["calcification", "microbleeds", "lacunes"], "dice"].tolist() == [1, 1, 1]
    assert scans["n_found"].tolist() == [1, 1, 1]


def many(n=12, tool="tool", shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.uniform(500, 20000, n)
    return pd.DataFrame(
        {
            "tool": tool,
            "kind": "wmh",
            "subject": [f"{at // 2:02d}" for at in range(n)],
            "session": [str(at % 2) for at in range(n)],
            "true_mm3": true,
            "found_mm3": true * 1.1 + 100,
            "dice": np.clip(0.6 + shift + 0.1 * rng.standard_normal(n), 0, 1),
            "volume_ratio": 1.1 + 100 / true,
            "slice_mm": [1.0] * (n // 2) + [5.0] * (n - n // 2),
            **dict.fromkeys(("hausdorff95_mm", "mean_surface_mm", "lesion_sensitivity", "lesion_ppv"), 1.0),
            "lesion_f1": 1.0,
            **{"n_true": 4, "n_true_met": 3, "n_found": 5, "n_found_met": 3},
        }
    )


def test_summaries():
    scans = many()
    found = summaries(scans).set_index(["group", "measure", "statistic"]).loc[ALL]
    mean = found.loc["dice", "mean"]
    assert mean["estimate"] == pytest.approx(scans["dice"].mean())
    assert mean["ci_low"] < mean["estimate"] < mean["ci_high"]
    assert (mean["n_subjects"], mean["n_scans"]) == (6, 12)
    assert found.loc[("dice", "worst"), "estimate"] == scans["dice"].min()
    assert found.loc[("volume", "Spearman"), "estimate"] == pytest.approx(1)
    assert found.loc[("lesion_sensitivity", "all lesions"), "estimate"] == pytest.approx(0.75)
    assert found.loc[("false_lesions", "mean"), "estimate"] == pytest.approx(2)
    bias = (scans["found_mm3"] - scans["true_mm3"]).mean() / 1000
    assert found.loc[("volume", "Bland-Altman bias"), "estimate"] == pytest.approx(bias)
    assert 0.9 < found.loc[("volume", "ICC(2,1)"), "estimate"] < 1
    groups = summaries(scans)["group"].unique().tolist()
    assert groups[0] == ALL
    assert {"slices up to 2 mm", "slices above 4 mm"} < set(groups)


def test_the_interval_resamples_subjects_not_scans():
    """Twelve scans of two values, of twelve subjects or of four: with fewer subjects the interval is wider."""
    scans = many().assign(dice=[0.4] * 6 + [0.8] * 6)
    apart = summaries(scans.assign(subject=[f"{at}" for at in range(12)]))
    together = summaries(scans.assign(subject=[f"{at // 3}" for at in range(12)], session=["1", "2", "3"] * 4))
    widths = [
        (row := found[(found["group"] == ALL) & (found["measure"] == "dice")].iloc[0])["ci_high"] - row["ci_low"]
        for found in (apart, together)
    ]
    assert widths[1] > 1.3 * widths[0]


def test_few_subjects_have_no_interval():
    found = summaries(many(4)).iloc[0]
    assert np.isnan(found["ci_low"])
    assert "too few" in found["note"]


def test_classes():
    scans = pd.DataFrame({"true_mm3": [0, 2000, 2001, 15001], "n_true": [0, 1, 3, 9], "slice_mm": [1.0, 2, 3, 6]})
    assert classes(scans, "wmh")["load"].tolist() == [
        "true volume up to 2 cm3",
        "true volume up to 2 cm3",
        "true volume 2 to 5 cm3",
        "true volume above 15 cm3",
    ]
    names = ["true lesions 0", "true lesions 1", "true lesions 2 to 4", "true lesions 5 or more"]
    assert classes(scans, "microbleeds")["load"].tolist() == names
    assert classes(scans, "brain")["load"].isna().all()
    assert classes(scans, "brain")["slices"].tolist()[1:3] == ["slices up to 2 mm", "slices 2 to 4 mm"]


def test_tool_against_tool():
    first, second = many(20), many(20, "better", 0.2)
    second.loc[0, "found_mm3"] = np.nan  # not measured: the pair is left out
    found = paired(pd.concat([first, second])).set_index("measure").loc["dice"]
    assert (found["first"], found["second"], found["n_scans"], found["n_subjects"]) == ("tool", "better", 19, 10)
    difference = (second["dice"] - first["dice"])[1:]
    assert found["difference"] == pytest.approx(difference.mean())
    assert found["ci_low"] > 0
    by_subject = difference.groupby(first["subject"]).mean()
    assert found["p"] == pytest.approx(stats.wilcoxon(by_subject).pvalue)


def test_the_slices_with_most_disagreement_are_shown():
    truth = Image(cube((4, 4, 2), 4), AFFINE)
    mask = Image(cube((4, 4, 2), 4) | cube((10, 10, 10), 3), AFFINE)
    assert set(shown_slices(truth, {"tool": mask})) >= {10, 12}
    assert shown_slices(Image(np.zeros(SHAPE, bool), AFFINE), {"tool": Image(np.zeros(SHAPE, bool), AFFINE)}) == [8]


def folders(tmp_path):
    rng = np.random.default_rng(3)
    for number in range(1, 6):
        subject = f"{number:02d}"
        put(tmp_path / "truth", subject, cube((4, 4, 4)))
        put(tmp_path / "tool", subject, cube((4 + number % 3, 4, 4)))
        put(tmp_path / "other", subject, cube((5, 4, 4)))
        put(tmp_path / "bids", subject, rng.uniform(0, 100, SHAPE).astype(np.float32), "FLAIR")
    put(tmp_path / "truth", "07", cube((4, 4, 4)))
    put(tmp_path / "tool", "08", cube((4, 4, 4)))


def test_the_command_writes_a_page_that_needs_nothing_else(tmp_path):
    folders(tmp_path)
    done = angiolith(
        *("compare", tmp_path / "tool", "--truth", tmp_path / "truth", "--tool", f"other={tmp_path / 'other'}"),
        *("--images", tmp_path / "bids"),
    )
    assert done.exit_code == 0, done.stderr
    assert "wmh, tool: mean Dice" in done.stdout
    assert "(5 of 6 scans)" in done.stdout
    out = tmp_path / "tool_compare"
    assert {path.name for path in out.iterdir()} == {PAGE, SCANS, SUMMARY, TOOLS, FILES}
    text = (out / PAGE).read_text(encoding="utf-8")
    assert "http" not in text
    assert "<script" not in text
    assert text.count("data:image/png") == 1 + 5  # Bland-Altman, and a picture of each scan that has a mask
    assert text.index("sub-07 ses-1") < text.index("sub-02 ses-1") < text.index("sub-03 ses-1")  # the worst first
    assert "no truth for sub-08" in text
    assert len(read_tsv(out / TOOLS)) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--tool", "x"], "write NAME=FOLDER"),
        (["--tool", "tool=other"], "is taken"),
        (["--tool", "x=nowhere"], "no such folder"),
        (["--out", "tool/out"], "give --out another folder"),
        (["--word", "tumour=x"], "is no kind"),
    ],
)
def test_a_wrong_call_is_told_in_a_line(tmp_path, monkeypatch, more, said):
    folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = angiolith("compare", "tool", "--truth", "truth", *more)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_to_compare_says_where_masks_may_lie(tmp_path):
    put(tmp_path / "tool", "01", cube((4, 4, 4)))
    put(tmp_path / "bids/derivatives/experts", "01", cube((4, 4, 4)))
    with pytest.raises(NothingToCompare, match="derivatives/: experts"):
        compare(tmp_path / "bids", {"tool": tmp_path / "tool"}, tmp_path / "out")
