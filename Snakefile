# Run a study, from archives of imagery to the report. Without --configfile this is the demo,
# config.yaml. See README.md.
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")
# The plan is that of this checkout, whatever is installed or on PYTHONPATH; so are the jobs.
sys.path.insert(0, workflow.basedir)
from workflow_lib.compiled import compile_by_content

compile_by_content(Path(workflow.basedir, "workflow_lib"))

if not workflow.overwrite_configfiles:

    configfile: f"{workflow.basedir}/config.yaml"


include: "rules/scheduling.smk"
include: "rules/common.smk"
include: "rules/records.smk"
include: "rules/data.smk"
include: "rules/codecs.smk"
include: "rules/segmentation.smk"
include: "rules/report.smk"


onstart:
    # A killed Snakemake may have left jobs on the cluster, which would write the files of this run.
    compile_by_content(BASE / "workflow_lib", anew=True)
    try:
        begin(INSTALLED(), STUDY.patched)
        cancel_orphans(Path.cwd())
    except DownlinkError as error:
        raise WorkflowError(str(error)) from None


localrules:
    all,
    fetch_archive,
    gather_tiles,
    gather_reconstructions,


rule all:
    default_target: True
    input:
        PATHS.report(),
        PATHS.main_table(),
        PATHS.findings(),
