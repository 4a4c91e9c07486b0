"""Tell on which instruction sets and devices the study's networks were trained."""

from collections import Counter
from pathlib import Path

from workflow_lib.config.study import Study
from workflow_lib.provenance.sidecar import Sidecar


def where_trained(study: Study) -> str:
    """Count the trainings on record by instruction set and device of torch.

    Returns:
        one sentence; it says so if trainings differ in this. Empty if no training is on record.

    Raises:
        DownlinkError: a record is damaged.
    """
    folder = Path(study.results, "provenance")
    records = (
        Sidecar.read(file)
        for dataset in study.selected().datasets
        for file in sorted(folder.glob(f"{dataset}/**/*.safetensors.json"))
    )
    used = Counter(f"{job.instructions.get('torch')} ({job.device})" for job in records)
    total = sum(used.values())
    if len(used) > 1:
        listed = ", ".join(f"{count} of {total} on {name}" for name, count in used.most_common())
        return f"Trainings ran on unlike machines, so their numbers may differ: {listed}."
    return "".join(f"All {total} trainings ran on {name}." for name in used)
