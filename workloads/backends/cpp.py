"""What does a framework's program outside Python need beforehand, and how is what it says of itself read?"""

from workloads.backends import base


class Backend(base.Backend):
    """Never computes. After the samples `program` is the Program that did, and has said how (`describe` of the C++
    side: images/programs/harness.h)."""

    is_program = True
    program = None

    def configure(self):
        """The program sets its threads itself."""

    def export(self, job, folder):  # noqa: ARG002
        """Write what the program reads into `folder`; what -> path. Nothing where it reads the job alone."""
        return {}

    def told(self, key):
        """One of the things that the program says of itself."""
        return self.program.described[key]

    def version(self):
        return self.told("version")

    def build_string(self):
        return self.told("build")

    def pools(self):
        return self.told("pools")

    def precision(self):
        return self.told("precision")

    def placement(self):
        return self.told("device")

    def execution_state(self):
        return self.program.described.get("execution")

    def arithmetic(self):
        return self.told("arithmetic")
