"""tanh and the logistic function on vectors, accurate to float32.

tanh x = x P(x^2) / Q(x^2), fitted to 2e-8 relative on [-9, 9], beyond which float32 knows only -1 and 1. The logistic
function is 1/2 + tanh(x/2)/2. All coefficients are positive, so that nothing cancels. Four quotients share one
division, the slowest instruction here.
"""

from __future__ import annotations

from typing import Any

from .decorators import inlined
from .simd import clamp_to, polynomial

BOUND = 9.0
_P = (0.999999979448125, 0.13381025195488608, 0.0034955876395501846, 2.0609075553725205e-05, 1.335465408599408e-08)
_Q = (1.0, 0.4671434078598395, 0.025876980245695354, 0.0003285634078499122, 7.776554872889208e-07)


def _of_half(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """The polynomial in (x/2)^2 as one in x^2."""
    return tuple(c / 4**k for k, c in enumerate(coefficients))


_clamp, _clamp_twice = clamp_to(BOUND), clamp_to(2 * BOUND)
_tanh_p, _tanh_q = polynomial(_P), polynomial(_Q)
_logistic_p, _logistic_q = polynomial(tuple(c / 4 for c in _of_half(_P))), polynomial(_of_half(_Q))


@inlined
def tanh_parts(x: Any) -> Any:
    """Numerator and denominator of tanh x."""
    x = _clamp(x)
    square = x * x
    return x * _tanh_p(square), _tanh_q(square)


@inlined
def logistic_parts(x: Any) -> Any:
    """Numerator and denominator of the logistic function less 1/2."""
    x = _clamp_twice(x)
    square = x * x
    return x * _logistic_p(square), _logistic_q(square)


@inlined
def tanh(x: Any) -> Any:
    p, q = tanh_parts(x)
    return p / q


@inlined
def tanh_and_logistics(x: Any, a: Any, b: Any, c: Any) -> Any:
    """tanh x, and the logistic function of three more, with one division."""
    p0, q0 = tanh_parts(x)
    p1, q1 = logistic_parts(a)
    p2, q2 = logistic_parts(b)
    p3, q3 = logistic_parts(c)
    q01, q23 = q0 * q1, q2 * q3
    inverse = 1.0 / (q01 * q23)
    inverse01, inverse23 = inverse * q23, inverse * q01
    return (
        p0 * (inverse01 * q1),
        p1 * (inverse01 * q0) + 0.5,
        p2 * (inverse23 * q3) + 0.5,
        p3 * (inverse23 * q2) + 0.5,
    )


@inlined
def logistics(a: Any, b: Any) -> Any:
    """The logistic function of two, with one division."""
    p0, q0 = logistic_parts(a)
    p1, q1 = logistic_parts(b)
    inverse = 1.0 / (q0 * q1)
    return p0 * (inverse * q1) + 0.5, p1 * (inverse * q0) + 0.5
