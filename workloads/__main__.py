"""`python -m workloads job.json reply.json`: run one job, leave one reply; exit code 0 when the reply was written."""

import sys

from workloads import harness


def main(arguments):
    """Exit code: 0 with a reply, 2 for a wrong command line."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m workloads job.json reply.json\n")
        return 2
    harness.run(*arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
