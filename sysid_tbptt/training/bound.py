"""The regret bound of the reference paper as a function of the burn-in m. Plain numbers: reports need no torch for it.

Theorem 1 of Schiller et al. 2026 (arXiv 2602.10911): training with zero initial states in place of the best ones
costs at most a constant times lambda^m / (N - m), where lambda is the rate at which outputs forget the state.
"""

from __future__ import annotations

from math import exp, inf, log

from ..errors import ConfigError


def forgets(factor: float, interval: tuple[float, float]) -> bool:
    """Whether lambda and all of its interval are less than 1."""
    return max(factor, *interval) < 1


def memory(factor: float) -> float:
    """1 / |ln lambda|, the steps in which a distance falls to 1/e; infinite from lambda = 1 on, which never forgets.

    Raises:
        ConfigError: ``factor`` (lambda) is not positive.
    """
    if not factor > 0:
        raise ConfigError(f"lambda = {factor} is no forgetting factor; choose lambda > 0")
    return inf if factor >= 1 else -1 / log(factor)


def bound(m: int | float, seq_len: int, factor: float) -> float:
    """lambda^m / (N - m), the bound of theorem 1 without its constant.

    Raises:
        ConfigError: m does not leave a step of N to score, or lambda does not lie in (0, 1).
    """
    if not 0 <= m < seq_len:
        raise ConfigError(f"burn_in m = {m} must lie in [0, N) of N = {seq_len}")
    return exp(-m / _memory(factor)) / (seq_len - m)


def best_burn_in(seq_len: int, factor: float) -> float:
    """N - 1 / |ln lambda|, where `bound` is least over real m, clipped to [0, N - 1].

    Raises:
        ConfigError: N < 1, or lambda does not lie in (0, 1).
    """
    if seq_len < 1:
        raise ConfigError(f"seq_len N = {seq_len} has no step; choose N >= 1")
    return min(max(seq_len - _memory(factor), 0.0), seq_len - 1.0)


def _memory(factor: float) -> float:
    steps = memory(factor)
    if steps == inf:
        raise ConfigError(f"lambda = {factor} does not forget, and the bound needs lambda in (0, 1)")
    return steps
