#!/usr/bin/env python3
"""Coefficients of the polynomials in Sources/Kernels/Math*.swift.

For every polynomial: a weighted minimax fit (Remez exchange, 60 digits), its coefficients rounded
to the element type one after the other, lowest order first, the rest fitted again each time.
Prints Swift literals and the largest weighted error (of the rounded polynomial, evaluated
exactly) in units of 2^-24 (float) or 2^-53 (double), that is in half ulps of 1.

    python3 Tests/Oracle/math_coefficients.py [name ...]
"""
import struct
import sys

import mpmath as mp

mp.mp.dps = 60


def rounded(value, kind):
    if kind == "float":
        return mp.mpf(struct.unpack("f", struct.pack("f", float(value)))[0])
    return mp.mpf(float(value))


def literal(value, kind):
    return float(value).hex() if kind == "double" else repr_float(float(value))


def repr_float(value):
    mantissa, exponent = value.hex().split("p")
    return mantissa.rstrip("0").rstrip(".") + "p" + exponent


def remez(function, weight, low, high, powers, fixed):
    """Minimax coefficients of x**power for `powers`; `fixed` is {power: coefficient}."""
    count = len(powers) + 1
    grid = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * i / 600) for i in range(600, -1, -1)]
    grid = [x for x in grid if x != 0 and abs(weight(x)) > mp.mpf(10) ** -7]
    weights = [abs(weight(x)) for x in grid]
    targets = [function(x) - sum(c * x**p for p, c in fixed.items()) for x in grid]
    nodes = [round(i * (len(grid) - 1) / (count - 1)) for i in range(count)]
    for _ in range(12):
        rows = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for row, node in enumerate(nodes):
            for column, power in enumerate(powers):
                rows[row, column] = grid[node] ** power
            rows[row, count - 1] = (-1) ** row / weights[node]
            right[row] = targets[node]
        solution = mp.lu_solve(rows, right)
        coefficients = [solution[i] for i in range(count - 1)]
        errors = [
            w * (t - sum(c * x**p for c, p in zip(coefficients, powers)))
            for x, w, t in zip(grid, weights, targets)
        ]
        # One extremum per run of equal sign, then the best `count` neighbours.
        extrema = []
        for i, error in enumerate(errors):
            if extrema and (errors[extrema[-1]] > 0) == (error > 0):
                if abs(error) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > count:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) < count or extrema == nodes:
            break
        nodes = extrema
    return coefficients, max(abs(e) for e in errors)


def fit(name, kind, function, weight, low, high, powers):
    low, high = mp.mpf(low), mp.mpf(high)
    fixed, powers = {}, list(powers)
    remaining = list(powers)
    while remaining:
        coefficients, _ = remez(function, weight, low, high, remaining, fixed)
        fixed[remaining[0]] = rounded(coefficients[0], kind)
        remaining = remaining[1:]
    worst = mp.mpf(0)
    for i in range(1501):
        x = low + (high - low) * i / 1500
        if x == 0:
            continue
        worst = max(worst, abs(weight(x) * (function(x) - sum(c * x**p for p, c in fixed.items()))))
    unit = mp.mpf(2) ** (-24 if kind == "float" else -53)
    print(f"{name} {kind}: degree {powers[-1]}, error {float(worst / unit):.4f}")
    for power in powers:
        print(f"    x^{power}: {literal(fixed[power], kind)}")


def interpolate(name, function, low, high, count, kind="double"):
    """The polynomial through the function at Chebyshev's points, its coefficients rounded."""
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    rows = mp.matrix(count, count)
    for i, node in enumerate(nodes):
        for power in range(count):
            rows[i, power] = node**power
    found = mp.lu_solve(rows, mp.matrix([function(node) for node in nodes]))
    coefficients = [rounded(found[power], kind) for power in range(count)]
    points = [low + (high - low) * i / 1500 for i in range(1501)]
    worst = max(abs(sum(c * x**p for p, c in enumerate(coefficients)) / function(x) - 1) for x in points)
    unit = mp.mpf(2) ** (-24 if kind == "float" else -53)
    print(f"{name} {kind}: degree {count - 1}, error {float(worst / unit):.4f}")
    for power, coefficient in enumerate(coefficients):
        print(f"    x^{power}: {literal(coefficient, kind)}")


def split(name, value, bits_per_part, kind):
    """A constant in parts of `bits_per_part` bits (products with small integers are exact), the last full."""
    value = mp.mpf(value)
    parts = []
    for bits in bits_per_part:
        scale = mp.mpf(2) ** (bits - 1 - mp.floor(mp.log(abs(value), 2)))
        part = mp.floor(value * scale) / scale
        parts.append(part)
        value -= part
    parts.append(rounded(value, kind))
    print(f"{name} {kind}:", ", ".join(literal(p, kind) for p in parts))


def exponential():
    function = lambda r: (mp.expm1(r) - r) / r**2
    weight = lambda r: r**2 / mp.expm1(r)
    limit = mp.log(2) / 2 * mp.mpf("1.0005")
    fit("exp: expm1(r) = r + r^2 q(r)", "float", function, weight, -limit, limit, range(5))
    fit("exp: expm1(r) = r + r^2 q(r)", "double", function, weight, -limit, limit, range(11))
    split("ln 2", mp.log(2), [15], "float")
    split("ln 2", mp.log(2), [41], "double")


def logarithm():
    fit("log(1+f) = f - f^2/2 + f^3 p(f)", "float", lambda f: (mp.log1p(f) - f + f * f / 2) / f**3,
        lambda f: f**3 / mp.log1p(f), mp.mpf(-1) / 3, mp.mpf(1) / 3, range(9))

    def function(z):  # log((1+s)/(1-s)) = 2s + s R(s^2), R = z (2/3 + ...)
        s = mp.sqrt(z)
        return (2 * mp.atanh(s) / s - 2) / z
    fit("log((1+s)/(1-s)) = 2s + s z p(z), z = s^2", "double", function,
        lambda z: z / (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z)), mp.mpf(10) ** -9, mp.mpf("0.0401"), range(7))

    def tail(z):  # 2 atanh(s)/s = 2 + 2/3 z + z^2 p(z): the first two terms are double-double
        s = mp.sqrt(z)
        return (2 * mp.atanh(s) / s - 2 - 2 * z / 3) / z**2
    fit("pow: log((1+s)/(1-s)) = 2s + 2/3 s^3 + s^5 p(z)", "double", tail, lambda z: mp.mpf(2)**10 * z**2 / 2,
        mp.mpf(10) ** -6, mp.mpf("0.0401"), range(9))


def error_function():
    small = lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1
    weight = lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z))
    tiny = mp.mpf(10) ** -9
    fit("erf(x) = x + x p(x^2), |x| < 0.93", "float", small, weight, tiny, mp.mpf("0.8649"), range(6))
    fit("erf(x) = x + x p(x^2), |x| < 1", "double", small, weight, tiny, mp.mpf("1.0001"), range(13))
    fit("log(erfc(x)) = -x + x p(x), 0.92 < x < 4", "float", lambda x: mp.log(mp.erfc(x)) / x + 1,
        lambda x: x * mp.erfc(x), mp.mpf("0.92"), mp.mpf("4.05"), range(6))

    def scaled(t):  # t = (x - 2) / (x + 2): x = 2 (1 + t) / (1 - t)
        x = 2 * (1 + t) / (1 - t)
        return mp.erfc(x) * mp.exp(x * x)
    fit("erfc(x) = exp(-x^2) p(t), t = (x-2)/(x+2), 1 < x < 6", "double", scaled,
        lambda t: mp.exp(-(2 * (1 + t) / (1 - t)) ** 2), mp.mpf(-1) / 3 - mp.mpf("0.0001"), mp.mpf("0.5"), range(14))


def normal_distribution():
    def interpolate_odd(name, odd, end, count):  # of w = 2 (x / end)^2 - 1
        def function(w):
            x = end * mp.sqrt((w + 1) / 2) + mp.mpf(10) ** -20
            return odd(x) / x
        interpolate(name, function, mp.mpf(-1), mp.mpf(1), count, "float")
    half = mp.mpf("0.5")
    interpolate_odd("Phi(x) = 1/2 + x p(w), |x| < 5.5", lambda x: mp.ncdf(x) - half, mp.mpf("5.5"), 16)
    interpolate_odd("Phi(x) + x phi(x) = 1/2 + x p(w), |x| < 6", lambda x: mp.ncdf(x) + x * mp.npdf(x) - half, mp.mpf(6), 19)


def trigonometric():
    limit = (mp.pi / 4 * mp.mpf("1.0005")) ** 2
    tiny = mp.mpf(10) ** -9
    root = mp.sqrt
    for kind, sine, cosine in (("float", 3, 3), ("double", 6, 6)):
        fit("sin(r) = r + r^3 p(r^2)", kind, lambda z: (mp.sin(root(z)) / root(z) - 1) / z,
            lambda z: z * root(z) / mp.sin(root(z)), tiny, limit, range(sine))
        fit("cos(r) = 1 - r^2/2 + r^4 p(r^2)", kind, lambda z: (mp.cos(root(z)) - 1 + z / 2) / z**2,
            lambda z: z**2 / mp.cos(root(z)), tiny, limit, range(cosine))
    split("pi/2", mp.pi / 2, [11, 11, 11], "float")
    split("pi/2", mp.pi / 2, [33, 33, 33], "double")
    bits = int(mp.floor(2 / mp_pi(1400) * mp.mpf(2) ** 1280))
    words = [f"0x{(bits >> (1280 - 64 * (i + 1))) & (2**64 - 1):016X}" for i in range(20)]
    print("2/pi, 64 bits a word:", ", ".join(words))


def inverse_tangent():
    root = mp.sqrt
    limit = (mp.tan(mp.pi / 8) * mp.mpf("1.001")) ** 2
    fit("atan(r) = r + r^3 p(r^2), |r| < tan(pi/8)", "double", lambda z: (mp.atan(root(z)) / root(z) - 1) / z,
        lambda z: z * root(z) / mp.atan(root(z)), mp.mpf(10) ** -9, limit, range(11))


def complementary_error():
    scaled = lambda t: mp.erfc(t) * mp.exp(t * t)
    near = lambda u: scaled(1.5 * (1 + u) / (1 - u))  # u = (t - 1.5) / (t + 1.5)
    far = lambda w: scaled(1 / mp.sqrt(w)) / mp.sqrt(w)
    interpolate("erfc(t) = exp(-t^2) p(u), u = (t-1.5)/(t+1.5), 0.5 < t < 4", near, mp.mpf("-0.5001"), mp.mpf("0.4546"), 21)
    fit("erfc(t) = exp(-t^2) p(1/t^2) / t, 4 < t < 27.4", "double", far, lambda w: 1 / far(w),
        mp.mpf("0.00133"), mp.mpf("0.0625"), range(14))


def for_floats():
    """Polynomials of doubles that are as good as a float needs: 2^25 of the unit are 2^-28."""
    root = mp.sqrt
    fit("exp: expm1(r) = r + r^2 q(r), for floats", "double", lambda r: (mp.expm1(r) - r) / r**2, lambda r: r**2 / mp.expm1(r),
        -mp.log(2) / 2 * mp.mpf("1.0005"), mp.log(2) / 2 * mp.mpf("1.0005"), range(6))
    fit("log((1+s)/(1-s)) = 2s + s z p(z), for floats", "double", lambda z: (2 * mp.atanh(root(z)) / root(z) - 2) / z,
        lambda z: z / (2 * mp.atanh(root(z)) / root(z)), mp.mpf(10) ** -9, mp.mpf("0.0401"), range(4))
    fit("atan(r) = r + r^3 p(r^2), for floats", "double", lambda z: (mp.atan(root(z)) / root(z) - 1) / z,
        lambda z: z * root(z) / mp.atan(root(z)), mp.mpf(10) ** -9, (mp.tan(mp.pi / 8) * mp.mpf("1.001")) ** 2, range(6))
    scaled = lambda t: mp.erfc(t) * mp.exp(t * t)
    interpolate("erfc(t) = exp(-t^2) p(u), u = (t-2.5)/(t+2.5), 0 < t < 10.2, for floats",
                lambda u: scaled(mp.mpf("2.5") * (1 + u) / (1 - u)), mp.mpf(-1), mp.mpf("0.607"), 13)


def gamma_functions():
    one = lambda t: mp.loggamma(1 + t) / t if t else -mp.euler
    two = lambda t: mp.loggamma(2 + t) / t if t else 1 - mp.euler
    interpolate("lgamma(1+t) = t p(t), |t| < 0.5", one, mp.mpf("-0.5001"), mp.mpf("0.5001"), 28)
    interpolate("lgamma(2+t) = t p(t), -0.625 < t < 0.5", two, mp.mpf("-0.6251"), mp.mpf("0.5001"), 21)

    def remainder(z):
        x = 1 / mp.sqrt(z)
        return (mp.loggamma(x) - (x - mp.mpf("0.5")) * (mp.log(x) - 1) - (mp.log(2 * mp.pi) - 1) / 2) * x

    def slope(z):
        x = 1 / mp.sqrt(z)
        return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / z

    fit("lgamma(x) = (x-0.5)(log x - 1) + (log(2 pi) - 1)/2 + p(1/x^2)/x, x > 8", "double", remainder, lambda z: mp.mpf(1),
        mp.mpf("1e-6"), mp.mpf(1) / 64, range(7))
    fit("digamma(x) = log x - 1/(2x) - p(1/x^2)/x^2, x > 6", "double", slope, lambda z: mp.mpf(1), mp.mpf("1e-6"), mp.mpf(1) / 36, range(8))


def mp_pi(bits):
    mp.mp.prec = bits
    return +mp.pi


GROUPS = {"exp": exponential, "log": logarithm, "erf": error_function, "normal": normal_distribution, "sin": trigonometric,
          "atan": inverse_tangent, "erfc": complementary_error, "floats": for_floats,
          "gamma": gamma_functions}

if __name__ == "__main__":
    for group in sys.argv[1:] or GROUPS:
        GROUPS[group]()
