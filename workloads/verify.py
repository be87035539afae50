"""Did the framework compute what the network says?"""

import math

import numpy as np

INFINITE = 1e30
"""Stands for the error of an output that is not finite: JSON has no infinity."""


class Wrong(Exception):
    """The output or the parameter count differs; the message says where and by how much."""


def check_parameters(counted, network):
    """Raise Wrong unless the weights that the harness made are as many as were published."""
    if counted != network["parameters"]:
        raise Wrong("{0} parameters, {1} were published".format(counted, network["parameters"]))


def sampled(outputs, expected):
    """Output name -> float64 values [positions] at the expected positions; raises Wrong where one is missing."""
    values = {}
    for name, wanted in expected.items():
        if name not in outputs:
            raise Wrong("output {0} is missing".format(name))
        flat = np.asarray(outputs[name]).ravel()
        last = max(wanted["positions"])
        if last >= flat.size:
            raise Wrong("output {0} has {1} values, position {2} was expected".format(name, flat.size, last))
        values[name] = flat[wanted["positions"]].astype(np.float64)
    return values


def errors(values, expected):
    """Output name -> largest error as a share of the expected spread; INFINITE where a value is not finite."""
    found = {}
    for name, wanted in expected.items():
        difference = np.abs(values[name] - np.array(wanted["values"]))
        worst = float(difference.max()) / max(wanted["spread"], 1e-30)
        found[name] = min(worst, INFINITE) if math.isfinite(worst) else INFINITE
    return found


def check_errors(found, expected):
    """Raise Wrong for the first output whose error is beyond its tolerance."""
    for name in expected:
        tolerance = expected[name]["tolerance"]
        if not found[name] <= tolerance:
            message = "output {0} is off by {1:.3g} of its spread, {2:.3g} may pass"
            raise Wrong(message.format(name, found[name], tolerance))
