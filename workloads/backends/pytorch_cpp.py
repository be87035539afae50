"""How does a C++ program run a network with PyTorch? By ATen's operators (images/programs/pytorch.cpp), eagerly."""

import os
import re

from workloads.backends import cpp
from workloads.evidence import maps, mkl


class Backend(cpp.Backend):
    """`default` keeps images as NCHW, `channels_last` stores them as NHWC. The program makes its weights itself."""

    name = "pytorch"
    modes = ("default", "channels_last")

    def version(self):
        """`2.13.0+cpu`: of the wheel whose library is mapped, where the header's 2.13.0 agrees with it."""
        header = self.told("version")
        with open(os.path.join(os.path.dirname(self._library()), "..", "version.py"), encoding="utf-8") as file:
            found = re.search(r"^__version__ = '([^']+)'", file.read(), re.MULTILINE)
        whole = found.group(1) if found else ""
        return whole if whole.split("+")[0] == header else header

    def isa_used(self):
        return self.told("isa_used")

    def _library(self):
        paths = maps.read_maps("/proc/{0}/maps".format(self.program.pid))
        return next(path for path in paths if os.path.basename(path) == "libtorch_cpu.so")

    def static_libraries(self):
        """MKL and oneDNN inside libtorch_cpu, as backends/pytorch.py finds them in Python's process."""
        path = self._library()
        inside = mkl.static(path, "")
        found = [inside] if inside else []
        if not found and "BLAS_INFO=mkl" in self.build_string():
            found.append({"kind": "blas", "name": "mkl", "how": "at::show_config() says BLAS_INFO=mkl"})
        state, version, how = self.onednn_state()
        if state != "absent":
            how = "{0}, and no file of oneDNN's own is mapped".format(how)
            found.append({"kind": "onednn", "name": "onednn", "path": path, "version": version, "how": how})
        return found

    def onednn_state(self):
        state, how = self.told("onednn")
        found = re.search(r"MKL-DNN v(\S+)", self.build_string())
        return (state, found.group(1) if found else None, how)

    def onednn_switch(self):
        return lambda level: self.program.ask("verbose", level=level)["accepted"], "torch::verbose::_mkldnn_set_verbose"
