"""What jobs needed, from Snakemake's benchmark files; and the cluster profiles name every rule."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from angiolith.runtime.memory import memory, voxels_of
from benchmarks.resources import Measured, asked, measured, profile

PROFILES = Path(__file__).parents[2] / "config/profiles"
ROWS = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def test_peaks_and_proposals(tmp_path):
    for name, values in {
        "01_a": "10.0\t0\t1000.0\t0\t0\t0\t0\t0\t0\t5.0",
        "02_a": "30.0\t0\tNA\tNA\tNA\tNA\t0\t0\t0\t5.0",
    }.items():
        path = tmp_path / "segment_wmh" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{ROWS}{values}\n")
    found = measured(tmp_path)
    assert found == {"segment_wmh": Measured(2, 1000.0, 20.0, 30.0, 25.0)}
    assert found["segment_wmh"].proposed[:2] == (1750, 5)  # 1.3 x 1000 + 300 MB; 4 x 30 s, at least five minutes
    wanted = asked()["segment_wmh"]
    assert f"  segment_wmh:\n    mem_mb: {max(1750, wanted.mem_mb)} * attempt" in profile(found)


def read(name):
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


def test_clusters_judge_reruns_as_a_local_run_does():
    cluster, local = read("cluster"), read("local")
    assert {key: cluster[key] for key in local} == local


def test_the_cluster_profile_names_every_rule_and_asks_for_more_with_each_attempt():
    cluster = read("cluster")
    assert cluster["retries"] > 0
    grouped = dict(text.split("=") for text in cluster["groups"])
    assert set(grouped) == set(cluster["set-resources"]) == set(asked())
    for rule, values in cluster["set-resources"].items():
        assert set(values) == ({"runtime"} if asked()[rule].grows else {"mem_mb", "runtime"})
        assert all(str(value).endswith("* attempt") for value in values.values())


@pytest.mark.parametrize("name", ["slurm", "lsf", "sge", "kubernetes"])
def test_a_schedulers_profile_holds_its_own_part_alone(name):
    own, cluster = read(name), read("cluster")
    assert own["executor"] in (name, "cluster-generic")
    assert not set(own) & set(cluster)
    assert ("UNTESTED" in (PROFILES / name / "config.yaml").read_text()) == (name != "slurm")


def test_a_job_asks_for_more_memory_where_its_images_are_large(tmp_path):
    usual, large, other = (str(tmp_path / name) for name in ("a_ct.nii.gz", "b_ct.nii", "c.nii.gz"))
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), usual)
    assert voxels_of(usual) == 120
    header = nib.Nifti1Header()
    header.set_data_shape((512, 512, 600))
    Path(large).write_bytes(header.binaryblock)
    Path(other).write_bytes(b"no image")
    nib.save(nib.Nifti2Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), tmp_path / "d.nii.gz")
    assert voxels_of(str(tmp_path / "d.nii.gz")) == 120
    asks = memory(2000)
    assert asks(None, [usual, other, str(tmp_path / "absent.nii.gz")], 1) == 2000
    assert asks(None, [usual, large], 1) == 3646  # 3.2 GB were needed
    assert asks(None, [usual, large], 2) == 7292
