import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from sysid_tbptt.errors import ConfigError
from sysid_tbptt.training.bound import best_burn_in, bound, memory

FACTORS = st.floats(0.01, 0.9999)


@given(FACTORS, st.integers(2, 100))  # smaller numbers are zero
def test_no_m_has_a_lower_bound_than_the_best(factor, n):
    best = best_burn_in(n, factor)
    assert 0 <= best <= n - 1
    least = np.log(bound(best, n, factor))
    found = minimize_scalar(
        lambda m: m * np.log(factor) - np.log(n - m), bounds=(0, n - 1), method="bounded", options={"xatol": 1e-9}
    )
    assert least <= found.fun + 1e-9 * abs(found.fun)


@given(FACTORS, st.integers(1, 2000))
def test_the_best_is_the_memory_before_the_end(factor, n):
    assert memory(factor) == pytest.approx(1 / abs(np.log(factor)))
    assert best_burn_in(n, factor) == pytest.approx(np.clip(n - 1 / abs(np.log(factor)), 0, n - 1))


def test_the_bound_is_the_papers():
    assert bound(3, 10, 0.9) == pytest.approx(0.9**3 / 7)


def test_what_never_forgets_has_an_endless_memory_and_no_bound():
    assert memory(1.0) == memory(1.5) == np.inf
    for wrong in (lambda: bound(0, 10, 1.0), lambda: best_burn_in(10, 1.2)):
        with pytest.raises(ConfigError, match="does not forget"):
            wrong()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: memory(0.0), "choose lambda > 0"),
        (lambda: memory(float("nan")), "choose lambda > 0"),
        (lambda: bound(10, 10, 0.5), r"must lie in \[0, N\) of N = 10"),
        (lambda: bound(-1, 10, 0.5), r"must lie in \[0, N\)"),
        (lambda: best_burn_in(0, 0.5), "choose N >= 1"),
    ],
)
def test_bad_arguments_are_told(wrong, said):
    with pytest.raises(ConfigError, match=said):
        wrong()


def test_bound_and_fit_need_no_torch():
    code = "import sys, sysid_tbptt.training.bound, sysid_tbptt.training.forgetting; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
