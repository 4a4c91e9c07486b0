# The study, from archives of imagery to the report. Configuration: config.yaml, or what --configfile
# lays over it. See README.md.
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


# Looked at with --sdm apptainer alone; made from envs/downlink.def.
container: "downlink.sif"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/data.smk"
include: "rules/codecs.smk"
include: "rules/segmentation.smk"
include: "rules/report.smk"


onstart:
    # they would write what this run writes
    clear_of_orphans()


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
