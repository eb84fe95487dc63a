#!/usr/bin/env python3
"""Writes math_values.txt: exact values of the elementary functions for the kernels' double tests.

A line a value: x and f(x) rounded to double, as bit patterns in hexadecimal, and what the rounding
left out, in thousandths of an ulp of the rounded value (so that errors below an ulp can be
measured). Sections begin with the function's name; `power` also names its exponent.

    python3 Tests/Oracle/math_values.py > Tests/Oracle/math_values.txt
"""
import math
import random
import struct

import mpmath as mp

mp.mp.prec = 2400  # sin of 1e300 needs the digits of pi


def bits(value):
    return struct.pack(">d", value).hex()


def geometric(random_source, low, high, count, signs=(1, -1)):
    for _ in range(count):
        exponent = random_source.uniform(math.log2(low), math.log2(high))
        yield random_source.choice(signs) * 2.0**exponent


def emit(name, function, arguments):
    print(name)
    for x in arguments:
        exact = function(mp.mpf(x))
        nearest = float(exact)
        if math.isinf(nearest):
            continue
        rest = (exact - mp.mpf(nearest)) / mp.mpf(math.ulp(nearest)) * 1000
        print(bits(x), bits(nearest), int(mp.nint(rest)))


def main():
    r = random.Random(20)
    uniform = lambda low, high, count: [r.uniform(low, high) for _ in range(count)]
    emit("exp", mp.exp, uniform(-745.2, 709.78, 250) + uniform(-2, 2, 150) + uniform(-745.1, -707, 60)
         + list(geometric(r, 1e-18, 1, 40)))
    emit("expm1", mp.expm1, uniform(-45, 709.78, 120) + uniform(-2, 2, 200) + list(geometric(r, 1e-300, 1, 80)))
    emit("log", mp.log, list(geometric(r, 5e-324, 1.7e308, 200, (1,))) + uniform(0.5, 2, 150)
         + [1 + d for d in geometric(r, 1e-15, 0.3, 80)])
    emit("log1p", mp.log1p, list(geometric(r, 1e-300, 1.7e308, 120, (1,))) + uniform(-0.999, 2, 200)
         + list(geometric(r, 1e-18, 0.5, 80)))
    emit("tanh", mp.tanh, uniform(-20, 20, 120) + uniform(-1, 1, 150) + list(geometric(r, 1e-300, 1, 60)))
    emit("erf", mp.erf, uniform(-6, 6, 200) + uniform(-1.1, 1.1, 150) + list(geometric(r, 1e-300, 1, 60)))
    emit("sigmoid", lambda x: 1 / (1 + mp.exp(-x)), uniform(-744, 40, 150) + uniform(-3, 3, 150))
    near = [float(k * mp.pi / 2) for k in (1, 2, 3, 10, 11, 355, 1000, 12345, 600000)]
    angles = (uniform(-10, 10, 150) + uniform(-1e6, 1e6, 100) + near + list(geometric(r, 1e-300, 1, 40))
              + list(geometric(r, 1e6, 1.7e308, 80)) + [6381956970095103.0 * 2.0**797])
    emit("sin", mp.sin, angles)
    emit("cos", mp.cos, angles)
    for exponent in (2.5, -0.7, 1 / 3, 17.25, 1e-3, 123.456, -2000.5):
        limit = min(700 / abs(exponent), 700)
        arguments = [math.exp(v) for v in uniform(-limit, limit, 60)] + [math.exp(v) for v in uniform(-limit / 50, limit / 50, 20)]
        emit(f"power {exponent!r}", lambda x, e=exponent: mp.power(x, mp.mpf(e)), arguments)
    mp.mp.prec = 300
    emit("lgamma", mp.loggamma, uniform(0, 3, 300) + uniform(3, 30, 100) + list(geometric(r, 1e-300, 1e300, 100, (1,))))


main()
