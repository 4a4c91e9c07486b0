"""What decides the last digits of numbers: instruction sets, and variables that steer them."""

import os
import re
import sys
from collections.abc import Mapping

_STEERING = (
    *("ATEN_", "CUBLAS_", "DNNL_", "GOMP_", "KMP_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "OPENBLAS_"),
    *("CPL_", "GDAL_", "OGR_", "PROJ_", "PYTHONHASHSEED", "PYTHONOPTIMIZE", "NVIDIA_TF32", "LD_"),
    *("ARROW_", "GLIBC_", "TORCH_", "ZARR_"),
)
"""Beginnings of the names of variables that can change numbers."""
_SECRETS = re.compile("AUTH|BEARER|COOKIE|HEADER|KEY|PASS|PROXY|PWD|SECRET|TOKEN|USER")
"""Parts of names of variables that may hold a secret, e.g. GDAL_HTTP_USERPWD."""
_OF_SNAKEMAKE = ("MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that Snakemake sets by its number of cores; this project's threads are options."""
_LEVELS = ("X86_V4", "X86_V3", "X86_V2")


def instruction_sets() -> dict[str, str]:
    """Instruction sets in use, by library, as each loaded library reports its own."""
    found: dict[str, str] = {}
    if numpy := sys.modules.get("numpy._core._multiarray_umath"):
        features = numpy.__cpu_features__
        found["numpy"] = next((level for level in _LEVELS if features.get(level)), "baseline")
        from threadpoolctl import threadpool_info

        for library in threadpool_info():
            if architecture := library.get("architecture"):
                found[library["internal_api"]] = architecture
    if torch := sys.modules.get("torch"):
        found["torch"] = torch.backends.cpu.get_cpu_capability()
    return dict(sorted(found.items()))


def steering_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables of the environment that can change numbers, by name."""
    names = [name for name in sorted(environment) if name.startswith(_STEERING)]
    left_out = {name for name in names if name in _OF_SNAKEMAKE or _SECRETS.search(name)}
    return {name: environment[name] for name in names if name not in left_out}
