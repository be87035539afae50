"""How does a weight follow its gradient in a framework of expressions without optimizers, Theano or PyTensor?"""

import numpy as np


def updates(optimizer, parameters, gradients, shared, sqrt):
    """[(shared variable, what becomes of it), ...] of one step, for `updates` of the framework's `function`.

    `shared` makes such a variable of an array, `sqrt` is the framework's own. The constants are float32, as a Python
    number of theirs could be float64.
    """
    pairs = list(zip(parameters, gradients))  # noqa: B905  (3.10 has it)
    return _momentum(optimizer, pairs, shared) if optimizer.name == "sgd" else _adam(optimizer, pairs, shared, sqrt)


def _momentum(optimizer, pairs, shared):
    rate, momentum = np.float32(optimizer.learning_rate), np.float32(optimizer.momentum)
    made = []
    for parameter, gradient in pairs:
        velocity = shared(np.zeros_like(parameter.get_value(borrow=True)))
        moved = momentum * velocity + gradient
        made.extend([(velocity, moved), (parameter, parameter - rate * moved)])
    return made


def _adam(optimizer, pairs, shared, sqrt):
    """With both corrections in the rate, as the text below the paper's algorithm 1 has it."""
    rate, epsilon = np.float32(optimizer.learning_rate), np.float32(optimizer.epsilon)
    beta1, beta2, one = np.float32(optimizer.beta1), np.float32(optimizer.beta2), np.float32(1)
    before = shared(np.array(0, np.float32))
    steps = before + one
    corrected = rate * sqrt(one - beta2**steps) / (one - beta1**steps)
    made = [(before, steps)]
    for parameter, gradient in pairs:
        # An array each: `shared` may keep the very one that it is given.
        first, second = [shared(np.zeros_like(parameter.get_value(borrow=True))) for _ in range(2)]
        mean = beta1 * first + (one - beta1) * gradient
        power = beta2 * second + (one - beta2) * gradient * gradient
        moved = parameter - corrected * mean / (sqrt(power) + epsilon)
        made.extend([(first, mean), (second, power), (parameter, moved)])
    return made
