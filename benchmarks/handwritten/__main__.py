"""What does a script written by hand take, by the same clock? `python -m handwritten FRAMEWORK job.json reply.json`.

Runs inside an image, beside the code of the workloads, of which it takes the clock and nothing else.
"""

import importlib
import json
import sys

from workloads import timing

CLASSES = {"vgg16": 1000, "mobilenet_v1": 1000, "cifar_cnn": 10}
SIZES = {"vgg16": 224, "mobilenet_v1": 224, "cifar_cnn": 32}


def main(framework, job_path, reply_path):
    """Build the network, take samples of `step()`, write them."""
    with open(job_path) as file:
        job = json.load(file)
    name, batch = job["network"]["name"], job["batch"]
    made = importlib.import_module("handwritten." + framework)
    step = made.build(name, batch, SIZES[name], job["threads"])
    shape = tuple(step().shape)
    if shape != (batch, CLASSES[name]):
        raise ValueError("{0} gave {1}".format(name, shape))
    measured = timing.measure(step, job)
    with open(reply_path, "w") as file:
        json.dump({"samples_s": measured.samples_s}, file)


main(*sys.argv[1:])
