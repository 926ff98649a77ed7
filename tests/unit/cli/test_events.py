"""The state of a run from its events, the time left, the lines that a person reads."""

import json

import pytest
from rich.console import Console

from angiolith.cli.display import Lines, screen
from angiolith.cli.events import EventFile, RunState
from angiolith.cli.expected import duration, seconds_of, size
from angiolith.cli.summary import start_problem


def planned(**stats):
    return {"event": "run_info", "stats": stats | {"all": 1, "total": sum(stats.values()) + 1}}


def began(number, rule, subject="", log="", message=None):
    wildcards = {"subject": subject} if subject else {}
    return {
        "event": "job_info",
        "time": 0.0,
        "jobid": number,
        "rule_name": rule,
        "rule_msg": message or f"{rule}: sub-{subject}",
        "wildcards": wildcards,
        "log": [log],
        "reason": "",
    }


def ended(number):
    return {"event": "job_finished", "job_id": number}


def failed(number, rule="segment_wmh"):
    return {"event": "job_error", "jobid": number, "rule_name": rule, "log": []}


def state_after(*events, subjects=3):
    state = RunState(subjects)
    for event in events:
        state.apply(event)
    return state


def test_subjects_that_were_finished_before_are_counted():
    plan = planned(segment_wmh=2, seal_subject=2)
    assert state_after(plan).subjects_done == 1
    assert state_after(plan, began(1, "seal_subject", "02"), ended(1)).subjects_done == 2


def test_a_failed_job_is_named_and_its_subject_is_not_done():
    state = state_after(planned(segment_wmh=1, seal_subject=1), began(1, "segment_wmh", "02"), failed(1))
    assert (state.subjects_failed, state.n_ended, state.subjects_done) == (["02"], 0, 2)
    assert not state.running


def test_a_job_that_is_sent_again_and_ends_well_has_not_failed():
    state = state_after(planned(segment_wmh=1), began(1, "segment_wmh"), failed(1), began(1, "segment_wmh"), ended(1))
    assert (state.failed, state.n_ended) == ({}, 1)


def test_a_failed_group_fails_its_jobs():
    group = {"event": "group_error", "job_error_info": [failed(1), failed(2)]}
    state = state_after(began(1, "segment_wmh", "01"), began(2, "measure_wmh", "01"), group)
    assert set(state.failed) == {1, 2}


def test_time_left_is_what_the_jobs_need_at_the_pace_so_far():
    plan = planned(segment_wmh=2)
    state = state_after(plan)
    assert state.seconds_left(1.0, cores=2) == pytest.approx(seconds_of("segment_wmh"))
    state = state_after(plan, began(1, "segment_wmh"), ended(1))
    assert state.seconds_left(100.0, cores=2) == pytest.approx(100.0)
    assert state_after().seconds_left(1.0, cores=2) is None


def test_time_left_does_not_grow_while_a_long_job_runs():
    state = state_after(planned(segment_wmh=4), began(1, "segment_wmh"), ended(1), began(2, "segment_wmh"))
    begun, job_s = state.running[2].began, seconds_of("segment_wmh")
    left = [state.seconds_left(job_s + ran, None, begun + ran) for ran in (0.0, job_s / 2, job_s)]
    assert left == pytest.approx([3 * job_s, 2.5 * job_s, 2 * job_s])


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    reader = EventFile(path)
    assert list(reader.new()) == []
    line = json.dumps(ended(7))
    path.write_text(line + "\n" + line[:5])
    assert list(reader.new()) == [ended(7)]
    path.write_text(line + "\n" + line + "\n")
    assert list(reader.new()) == [ended(7)]


def test_the_screen_shows_subjects_jobs_and_failures():
    state = state_after(
        planned(segment_wmh=2, seal_subject=2),
        began(1, "segment_wmh", "01", "out/logs/segment_wmh/01.log"),
        failed(1),
        began(2, "segment_wmh", "02"),
    )
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(screen(state, 30.0, 2))
    text = console.export_text()
    assert "1 of 3" in text
    assert "0 of 4" in text
    assert "now       segment_wmh: sub-02" in text
    assert "failed    segment_wmh: sub-01 (out/logs/segment_wmh/01.log)" in text
    assert "30 s so far" in text
    assert "1 failed" in text


def test_without_a_terminal_a_finished_subject_is_a_line(capsys):
    lines = Lines(2)
    state = state_after(planned(seal_subject=2), began(1, "seal_subject", "01"), ended(1), subjects=2)
    for _ in range(3):
        lines.show(state, 4.0)
    out = capsys.readouterr().out
    assert out.startswith("sub-01 is finished: 1 of 2 subjects, 1 of 2 jobs, 4 s so far")
    assert out.count("\n") == 1


def test_a_locked_folder_gets_its_remedy():
    state = state_after({"event": "error", "message": "LockException:\nError: Directory cannot be locked. Please ..."})
    assert "--unlock" in " ".join(start_problem(state))


def test_what_snakemake_says_of_its_own_files_is_left_out():
    told = 'WorkflowError in file "/x/common.smk", line 45:\nmy.yaml: foo: unknown key\n  File "/x/common.smk", line 45'
    assert start_problem(state_after({"event": "error", "message": told})) == ["my.yaml: foo: unknown key"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (89, "89 s"), (150, "2 min"), (5400, "1 h 30 min"), (7200, "2 h 0 min"), (360000, "4 days")],
)
def test_durations(seconds, told):
    assert duration(seconds) == told


def test_sizes():
    assert [size(84), size(12_300)] == ["84 MB", "12 GB"]
