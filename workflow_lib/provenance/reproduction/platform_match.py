"""Compare the machines of two runs; the tiers that must hold depend on the match."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import IntEnum

from workflow_lib.provenance.sidecar import Sidecar


class PlatformMatch(IntEnum):
    """Degrees of similarity of two runs' machines, from lowest to highest."""

    OTHER = 0
    """Networks ran on a CPU here, on a GPU there."""
    DEVICE = 1
    """Networks ran on the same kind of device."""
    PLATFORM = 2
    """The same processor, instruction sets, GPU, software, threads and variables as well."""

    def __str__(self) -> str:
        return ("any machines", "one kind of device", "one platform")[self]


_DEVICE = "device"
INSTRUCTIONS = "instructions of"
"""Beginning of the traits that tell with which instruction set a library computed."""


def platform_match(first: Iterable[Sidecar], second: Iterable[Sidecar]) -> PlatformMatch:
    """Compare the machines of two runs rule by rule.

    If the jobs of a rule ran on several processors, the rule counts as different. Jobs without a
    network have device None.
    """
    differing = {trait for trait, values in _values([*first, *second]).items() if len(values) > 1}
    if not differing:
        return PlatformMatch.PLATFORM
    return (
        PlatformMatch.OTHER
        if _DEVICE in {trait for _, trait in differing}
        else PlatformMatch.DEVICE
    )


def platform_differences(first: Iterable[Sidecar], second: Iterable[Sidecar]) -> tuple[str, ...]:
    """One line for each trait that differs, e.g. "cpu: AMD EPYC | Intel Xeon"."""
    lines = {
        f"{trait}: {' | '.join(sorted(map(str, values)))}"
        for (_, trait), values in _values([*first, *second]).items()
        if len(values) > 1
    }
    return tuple(sorted(lines))


def _values(sidecars: Iterable[Sidecar]) -> dict[tuple[str, str], set[object]]:
    """The values of each trait, by rule; software is that of the whole study."""
    values: dict[tuple[str, str], set[object]] = defaultdict(set)
    for sidecar in sidecars:
        for key, value in _traits(sidecar):
            values[key].add(value)
    return values


def _traits(sidecar: Sidecar) -> Iterator[tuple[tuple[str, str], object]]:
    for trait in ("cpu", "gpu", "driver", "threads", _DEVICE):
        yield (sidecar.rule, trait), getattr(sidecar, trait)
    yield (sidecar.rule, "variables"), " ".join(f"{k}={v}" for k, v in sidecar.variables.items())
    for library, name in sidecar.instructions.items():
        yield (sidecar.rule, f"{INSTRUCTIONS} {library}"), name
    for attempt in sidecar.earlier:
        for trait in ("cpu", "gpu", "driver", _DEVICE):
            yield (sidecar.rule, trait), attempt.get(trait)
    # operating system and C library, without the kernel version
    yield ("", "system"), f"{sidecar.platform.split('-')[0]} {sidecar.platform.split('-')[-1]}"
    yield ("", "python"), sidecar.python
    for package, version in sidecar.packages.items():
        yield ("", package), version
