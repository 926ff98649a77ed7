"""How far a run is, from its logs and records."""

from angiolith.audit.progress import progress

TRACE = "Traceback (most recent call last):\n  File x\nValueError: no such label\npython 3.11\n"


def test_each_subject_and_job_is_counted_once_by_its_state(tmp_path):
    (tmp_path / "manifest.tsv").write_text("subject\tsession\n01\ta\n02\ta\n03\ta\n04\ta\n05\ta\n")
    logs = {
        "check_images/01_a": ("", True),
        "seal_subject/01": ("", True),
        "check_images/02_a": ("", True),
        "segment_wmh/02_a": (TRACE, False),
        "check_images/03_a": ("", False),
        "check_images/04_a": ("", True),
    }
    for name, (text, ended) in logs.items():
        path = tmp_path / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if ended:
            path.with_suffix(".json").write_text("{}")
    lines = progress(tmp_path).splitlines()
    assert lines[0] == "5 subjects: 1 done, 1 failed, 1 running or killed, 1 begun, no job now, 1 waiting"
    assert "check_images                       3        1       0" in lines
    assert lines[-1] == "failed: logs/segment_wmh/02_a.log  ValueError: no such label"


def test_a_run_of_some_subjects_waits_for_no_others(tmp_path):
    (tmp_path / "manifest.tsv").write_text("subject\tsession\n01\ta\n02\ta\n03\ta\n")
    (tmp_path / "logs").mkdir()
    assert progress(tmp_path).splitlines()[0].startswith("3 subjects: ")
    (tmp_path / "logs/run_config.yaml").write_text("output_dir: out\nsubjects: ['02']\n")
    assert progress(tmp_path).splitlines()[0].startswith("1 subject: 0 done")
