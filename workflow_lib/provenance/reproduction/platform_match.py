"""How alike the machines are on which a study was run twice: what may be asked depends on it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import IntEnum

from workflow_lib.provenance.sidecar import Sidecar


class PlatformMatch(IntEnum):
    """From machines that have nothing in common to those that nothing tells apart."""

    OTHER = 0
    """Networks ran on a CPU here, on a GPU there."""
    DEVICE = 1
    """Networks ran on the same kind of device."""
    PLATFORM = 2
    """The same processor, GPU, driver, software and number of threads as well."""

    def __str__(self) -> str:
        return ("any machines", "one kind of device", "one platform")[self]


_DEVICE = "device"


def platform_match(first: Iterable[Sidecar], second: Iterable[Sidecar]) -> PlatformMatch:
    """How alike the machines were, compared rule by rule.

    A rule whose jobs met several processors in one study has no platform of its own: which job met
    which is chance. What runs no network has device None.
    """
    differing = {trait for trait, values in _values([*first, *second]).items() if len(values) > 1}
    if not differing:
        return PlatformMatch.PLATFORM
    return (
        PlatformMatch.OTHER
        if _DEVICE in {trait for _, trait in differing}
        else PlatformMatch.DEVICE
    )


def told_apart(first: Iterable[Sidecar], second: Iterable[Sidecar]) -> tuple[str, ...]:
    """What differs, each in a line, e.g. "cpu: AMD EPYC | Intel Xeon"."""
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
    for attempt in sidecar.earlier:
        for trait in ("cpu", "gpu", "driver", _DEVICE):
            yield (sidecar.rule, trait), attempt.get(trait)
    # system and C library, but not the kernel's version
    yield ("", "system"), f"{sidecar.platform.split('-')[0]} {sidecar.platform.split('-')[-1]}"
    yield ("", "python"), sidecar.python
    for package, version in sidecar.packages.items():
        yield ("", package), version
