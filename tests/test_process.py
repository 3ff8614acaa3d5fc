import os
import sys
import time
from pathlib import Path

import pytest

from mspctl.errors import MspctlError
from mspctl.process import Finished, is_installed, run


def test_a_program_is_run_without_a_shell(tmp_path: Path) -> None:
    done = run(("printf", "%s|%s", "$(id)", "a b; c"), timeout_seconds=10)
    assert done == Finished(0, "$(id)|a b; c", "")


def test_input_environment_and_folder_reach_it(tmp_path: Path) -> None:
    program = (
        "import os, sys; print(sys.stdin.read(), os.environ['EXTRA'], os.getcwd(), 'PATH' in os.environ)"
    )
    done = run(
        (sys.executable, "-c", program),
        timeout_seconds=10,
        text="in",
        environment={"EXTRA": "more"},
        cwd=tmp_path,
    )
    assert done.stdout == f"in more {tmp_path} True\n"


def test_a_failure_is_a_value_or_with_check_an_error() -> None:
    argv = ("sh", "-c", "echo out; echo 'went  wrong' >&2; exit 7")
    assert run(argv, timeout_seconds=10) == Finished(7, "out\n", "went  wrong\n")
    with pytest.raises(MspctlError, match=r"^sh -c: failed with 7: went wrong$"):
        run(argv, timeout_seconds=10, check=True)
    with pytest.raises(MspctlError) as caught:
        run(("sh", "-c", "yes | head -c 5000; exit 1"), timeout_seconds=10, check=True)
    assert len(str(caught.value)) < 400


def test_what_is_not_text_is_replaced() -> None:
    assert run(("printf", "\\377ok"), timeout_seconds=10).stdout == "\ufffdok"


def test_a_missing_program_is_told_with_what_to_do() -> None:
    with pytest.raises(MspctlError, match=r"no-such-program: not installed; `mspctl doctor`"):
        run(("no-such-program",), timeout_seconds=1)


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(MspctlError, match=r"^sh: no answer within 0.5 s$"):
        run(("sh", "-c", f"echo $$ > {pid}; exec sleep 60"), timeout_seconds=0.5)
    assert time.monotonic() - began < 5
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_whether_a_program_is_installed() -> None:
    assert is_installed("sh")
    assert not is_installed("no-such-program")
