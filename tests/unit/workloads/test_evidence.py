"""Is what a process maps, prints and counts read rightly? From lines that real processes left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from workloads import reply
from workloads.evidence import (
    blis,
    capture,
    cpu,
    environment,
    identify,
    libraries,
    maps,
    mkl,
    onednn,
    replay,
    security,
    threads,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DEBIAN = "/usr/lib/x86_64-linux-gnu/"
WHEEL = "/usr/lib/python3/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so"


def exporting(**symbols: str) -> Callable[[str, str], bool]:
    """`exports` where each of these symbols is in the library with this path, and nothing else anywhere."""
    return lambda path, symbol: symbols.get(symbol) == path


def found(*paths: str, exports: Callable[[str, str], bool] = exporting()) -> list[tuple[str, str]]:  # noqa: B008
    return [(kind, name) for kind, name, _ in identify.identify(list(paths), exports)]


def test_each_file_of_the_maps_is_listed_once_and_only_if_code_runs_from_it() -> None:
    text = """\
555555554000-555555556000 r--p 00000000 fe:01 131 /usr/bin/python3.11
7ffff0000000-7ffff0001000 r-xp 00001000 fe:01 131 /usr/bin/python3.11
7ffff1000000-7ffff1001000 r-xp 00000000 fe:01 132 /opt/with space/libopenblas.so.0
7ffff1002000-7ffff1003000 r-xp 00002000 fe:01 132 /opt/with space/libopenblas.so.0
7ffff2000000-7ffff2001000 r-xp 00000000 fe:01 133 /opt/libgone.so (deleted)
7ffff3000000-7ffff3001000 r--p 00000000 fe:01 134 /usr/share/locale.archive
7ffff4000000-7ffff4001000 rw-p 00000000 00:00 0
7ffff5000000-7ffff5001000 r-xp 00000000 00:00 0                          [vdso]
"""
    assert maps.mapped_files(text) == ["/usr/bin/python3.11", "/opt/with space/libopenblas.so.0", "/opt/libgone.so"]


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("reference", ["blas/libblas.so.3.11.0", "lapack/liblapack.so.3.11.0"]),
        ("atlas", ["atlas/libblas.so.3.10.3", "atlas/liblapack.so.3.10.3", "libatlas.so.3.10.3", "libcblas.so.3.10.3"]),
        ("blis", ["blis-openmp/libblas.so.3", "lapack/liblapack.so.3.11.0"]),
        ("blis", ["blis-pthread/libblas.so.3", "blis-pthread/libblis.so.4"]),
        ("openblas", ["openblas-pthread/libblas.so.3", "openblas-pthread/libopenblasp-r0.3.21.so"]),
        ("openblas", ["openblas-openmp/libopenblasp-r0.3.21.so"]),
        ("mkl", ["libmkl_rt.so", "libmkl_core.so", "libmkl_intel_lp64.so", "libmkl_sequential.so"]),
        ("mkl", ["libmkl_core.so.2", "libmkl_gnu_thread.so.2"]),
    ],
)
def test_exactly_one_blas_is_named_for_the_files_that_debian_maps(name: str, paths: list[str]) -> None:
    assert found(*[DEBIAN + path for path in paths]) == [("blas", name)]


def test_cublas_is_the_library_that_was_called_and_not_the_one_behind_it() -> None:
    folder = "/usr/local/lib/python3.11/site-packages/nvidia/cublas/lib"
    assert found(f"{folder}/libcublas.so.12", f"{folder}/libcublasLt.so.12") == [("blas", "cublas")]


def test_a_plain_libblas_is_named_by_what_it_exports() -> None:
    path = "/usr/lib64/libblas.so.3"
    assert found(path) == [("blas", "reference")]
    for symbol, name in identify.EXPORTS:
        assert found(path, exports=exporting(**{symbol: path})) == [("blas", name)]


def test_the_core_that_works_is_reported_and_not_the_shim_of_another_build() -> None:
    paths = [DEBIAN + "openblas-openmp/libblas.so.3", DEBIAN + "openblas-pthread/libopenblasp-r0.3.21.so"]
    assert identify.identify(paths) == [("blas", "openblas", paths[1])]


def test_mkl_is_reported_with_its_code_path_and_threading_layer() -> None:
    paths = [DEBIAN + name for name in ("libmkl_rt.so", "libmkl_gnu_thread.so", "libmkl_def.so", "libmkl_vml_def.so")]
    assert found(*paths) == [("blas", "mkl"), ("blas-kernel", "libmkl_def"), ("blas-kernel", "libmkl_vml_def")]
    assert found("/x/libmkl_avx512.so.2") == [("blas-kernel", "libmkl_avx512")]
    assert identify.mkl_threading(paths) == "gnu_thread"
    described: list[dict[str, str | None]] = [
        {"kind": "blas", "name": "mkl", "core": None},
        {"kind": "blas-kernel", "name": "libmkl_def"},
    ]
    libraries.set_mkl_core(described)
    assert described[0]["core"] == "libmkl_def"


def test_openmp_runtimes_and_onednn_are_told_apart() -> None:
    assert found("/a/libgomp.so.1.0.0", "/a/libgomp-a34b3233.so.1") == [("openmp", "libgomp")] * 2
    assert found("/a/libiomp5.so") == [("openmp", "libiomp5")]
    assert found("/a/libomp.so.5", "/a/libomp5.so") == [("openmp", "libomp")] * 2
    assert found("/a/libdnnl.so.2.6", "/a/libmkldnn.so.0") == [("onednn", "onednn")] * 2
    assert found("/a/libompitrace.so.40", "/a/_multiarray_umath.so", "/a/libm.so.6") == []


def test_a_library_that_numpy_carries_for_itself_has_an_owner() -> None:
    assert identify.owner(WHEEL) == "numpy"
    assert identify.owner("/v/site-packages/numpy/.libs/libopenblasp-r0-39a31c03.2.18.so") == "numpy"
    assert identify.owner("/v/site-packages/scipy.libs/libscipy_openblas.so") == "scipy"
    assert identify.owner(DEBIAN + "libopenblas.so.0") == ""


def test_versions_are_read_from_names_only_where_names_hold_them() -> None:
    assert libraries.version_in_name(DEBIAN + "blas/libblas.so.3.11.0") == "3.11.0"
    assert libraries.version_in_name("/v/numpy/.libs/libopenblasp-r0-39a31c03.2.18.so") == "0.2.18"
    assert libraries.version_in_name(DEBIAN + "libopenblasp-r0.3.21.so") == "0.3.21"
    assert libraries.version_in_name(DEBIAN + "blis-openmp/libblas.so.3") is None


def test_the_blas_under_this_process_tells_version_core_and_threads() -> None:
    described = libraries.describe(maps.read_maps())
    mine = [entry for entry in described if entry["kind"] == "blas"]
    assert mine, "numpy is imported, so its BLAS is mapped"
    assert all(entry["version"] for entry in mine)
    assert all(entry["threads"] for entry in mine)


def test_blis_names_its_choice() -> None:
    assert blis.parse_choice("libblis: selecting sub-configuration 'skx'.\n") == "skx"
    assert blis.parse_choice("nothing") is None
    assert blis.threading_of(DEBIAN + "blis-pthread/libblas.so.3") == "pthreads"
    assert blis.positive(-1) is None


def test_primitives_are_counted_in_the_lines_of_every_onednn() -> None:
    text = """\
onednn_verbose,v1,info,oneDNN v3.12.0 (commit 80afa7)
onednn_verbose,v1,primitive,create:cache_miss,cpu,convolution,brg_conv_fwd:avx512_core,forward_inference,x,0.1
onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx512_core,forward_inference,x,0.1
dnnl_verbose,exec,cpu,convolution,jit:avx512_core,forward_inference,x,0.2
dnnl_verbose,exec,cpu,convolution,jit:avx512_core,forward_inference,x,0.2
mkldnn_verbose,exec,reorder,simple:any,undef,x,0.3
the framework says, exec, something
"""
    assert onednn.count_primitives(text) == {
        "convolution,brg_conv_fwd:avx512_core": 1,
        "convolution,jit:avx512_core": 2,
        "reorder,simple:any": 1,
    }


def test_types_are_those_of_products_alone_in_the_lines_of_every_onednn() -> None:
    conv = "cpu,convolution,brg_conv_fwd:avx512_core,forward_inference"
    new = f"onednn_verbose,v1,primitive,exec,{conv},src:f32:a:blocked:acdb::f0 wei:f32:ap:blocked:Acdb16a::f0 x,,y,1\n"
    old = (
        "dnnl_verbose,exec,cpu,inner_product,gemm:jit,forward_inference,src_f32::blocked:ab:f0 wei_bf16::blocked:x,1\n"
    )
    oldest = "mkldnn_verbose,exec,convolution,jit:avx2,fwd,src_s8::blocked:ab:f0,1\n"
    reorder = "dnnl_verbose,exec,cpu,reorder,jit:uni,undef,src_f16::blocked:ab:f0 dst_f32::blocked:ba:f0,,,1,1\n"
    assert onednn.product_types(new + reorder) == {"f32"}
    assert onednn.product_types(old) == {"f32", "bf16"}
    assert onednn.product_types(oldest) == {"s8"}
    assert onednn.product_types(reorder) == set()


def test_without_a_way_to_ask_onednn_the_reason_is_given_and_nothing_is_counted() -> None:
    class Backend:
        said = ""

        def onednn_state(self) -> tuple[str, None, str]:
            return ("unknown", None, "it does not say")

        def onednn_switch(self) -> None:
            """None of its own."""

    told = onednn.evidence(Backend(), lambda: None, ["/usr/lib/libm.so.6"])
    assert told["state"] == "unknown"
    assert told["primitives"] == {}
    assert told["reason"] == "it does not say; no library that could carry oneDNN is mapped"


def test_what_is_written_to_the_descriptor_is_captured_and_the_descriptor_restored(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert capture.captured(lambda: os.write(1, b"from C")) == "from C"
    os.write(1, b"afterwards")
    assert capfd.readouterr().out == "afterwards"


def busy(start: dict[str, Any], stop: dict[str, Any], wall_s: float = 1.0) -> int:
    clocks = iter([start, stop])
    counter = threads.Counter(read=lambda: next(clocks))
    counter.mark("start")
    counter.mark("stop")
    assert counter.process() == len(stop)
    found: int = counter.busy(wall_s)
    return found


def test_eight_threads_that_fight_for_one_cpu_are_eight_busy_threads() -> None:
    assert busy({}, {str(task): (0.125, 0.875) for task in range(8)}) == 8


def test_two_threads_that_take_turns_are_one_busy_thread() -> None:
    assert busy({"1": (5.0, 1.0), "2": (0.0, 0.0)}, {"1": (5.3, 1.02), "2": (0.65, 0.01)}) == 1


def test_a_thread_that_began_meanwhile_counts_and_one_that_slept_does_not() -> None:
    assert busy({"1": (9.0, 0.0)}, {"1": (9.97, 0.0), "2": (0.9, 0.08), "3": (0.0, 0.0)}) == 2


def test_without_the_kernels_word_on_waiting_threads_count_by_what_they_ran() -> None:
    assert busy({"1": (9.0, None)}, {"1": (9.9, None), "2": (0.3, None), "3": (0.1, None)}) == 2


def test_the_threads_of_this_process_can_be_read() -> None:
    assert all(ran >= 0 and (waited is None or waited >= 0) for ran, waited in threads.run_seconds().values())


def test_the_stat_of_a_thread_with_a_strange_name_is_read() -> None:
    assert threads.parse_stat("12 (a) b) R 1 1 1 0 -1 4194304 100 0 0 0 730 21 0 0 20 0 1 0 5 6") == 751


def test_cpu_and_security_lines_are_read() -> None:
    model, flags = cpu.parse_cpuinfo("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f sse4_1\n")
    assert (model, flags) == ("AMD EPYC", ["avx2", "avx512f", "sse4_1"])
    assert cpu.parse_cpuinfo("processor : 0\nFeatures : fp asimd sve\n") == ("", ["asimd", "sve"])
    status = security.parse_status("Name:\tpython\nUid:\t1000\t1000\t1000\t1000\nNoNewPrivs:\t1\nSeccomp:\t2\n")
    assert status == {"Uid": "1000", "NoNewPrivs": "1", "Seccomp": "2"}


def test_only_variables_that_steer_are_kept() -> None:
    given = {"OMP_NUM_THREADS": "1", "AWS_SECRET": "x", "TF_TOKEN_host": "x", "TF_ENABLE_ONEDNN_OPTS": "0"}
    assert environment.steering(given) == {"OMP_NUM_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}


def test_a_reply_is_strict_json_within_its_limits() -> None:
    assert reply.clean({"a": "x\ny\x1b[0m", "b": ["ü\ud800"]}) == {"a": "x y [0m", "b": ["ü?"]}
    assert len(reply.clean("x" * 9000)) == 4000
    assert b"a number of the reply is nan" in reply.encode({"x": float("nan")})
    assert len(reply.encode({"x": ["y" * 4000] * 1000})) < 1000


def test_mkl_names_its_version_its_code_path_and_its_calls() -> None:
    text = """\
MKL_VERBOSE Intel(R) MKL 2018.0 Update 1 Product build 20171007 for Intel(R) 64 architecture Intel(R) Advanced Vector \
Extensions 512 (Intel(R) AVX-512) enabled processors, Lnx 2.30GHz lp64 gnu_thread NMICDev:0
MKL_VERBOSE SGEMM(n,n,7,5,6,0x7ffe,0x55e3,7,0x55e3,6,0x7ffe,0x55e3,7) 38.99ms CNR:OFF Dyn:1 FastMM:1 TID:0  NThr:2
MKL_VERBOSE SGEMM_BATCH(N,N,0x7ffd,0x7ffd) 1.05ms CNR:OFF Dyn:0 FastMM:1 TID:0  NThr:1
mkldnn_verbose,exec,reorder,jit:uni,undef,in:f32_nchw out:f32_nChw8c,num:1,1x8x20x20,0.106934
"""
    told = mkl.parse(text)
    assert told == {"version": "2018.0.1", "core": "avx512", "calls": {"SGEMM": 1, "SGEMM_BATCH": 1}}
    older = text.replace("Update 1 ", "").replace("Vector Extensions 512 (Intel(R) AVX-512)", "Vector Extensions 2")
    assert mkl.parse(older)["version"] == "2018.0"
    assert mkl.parse(older)["core"] == "avx2"
    assert mkl.parse("") == {"version": None, "core": None, "calls": {}}


def test_of_what_a_second_process_printed_only_the_step_and_mkls_own_line_are_kept() -> None:
    printed = b"MKL_VERBOSE Intel(R) MKL 2020.0 Product build 1 for ...\nMKL_VERBOSE SGEMM(n) 1ms\n"
    assert replay.heading(printed) == b"MKL_VERBOSE Intel(R) MKL 2020.0 Product build 1 for ...\n"
    assert replay.heading(b"dnnl_verbose,exec,...\n") == b""
