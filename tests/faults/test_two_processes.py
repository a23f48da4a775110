"""Two processes that write one output at the same time: one of them is refused, or both write the same."""

import pytest
from helpers.fault_runs import FEW, Fault, content, wrong_end, wrong_rerun


@pytest.mark.parametrize("name", FEW)
def test_two_processes_leave_one_whole_output(name, cases, server, undisturbed, tmp_path, record_property):
    case = cases[name]
    whole = content(undisturbed(name)[0])
    folder = case.prepare(tmp_path / "run")
    both = server.run(folder, case.command, Fault(), Fault())
    record_property(f"two processes: {name}", 1)
    assert 0 in [one.status for one in both], [one.said for one in both]
    for one in both:
        assert not wrong_end(one, Fault()), one.said
        if one.status:
            assert "another process" in one.said
    assert wrong_rerun(both[0 if both[0].status == 0 else 1], content(folder), whole) == []
    (again,) = server.run(folder, case.command, Fault())
    assert wrong_rerun(again, content(folder), whole) == []
