# Snakemake's limit of 100 started jobs a second starts a timer at each scheduling pass, and each
# timer starts another pass: so CPU time per job grows with the number of finished jobs, until the
# main process starves the jobs (Snakemake's issues 2967 and 3744; bench/scheduling.py). A longer
# timespan delays this, but holds up the exit for one timespan. No option removes the limit; its
# programming interface does. Another limit than the default is somebody's wish, and stays.
LIMIT = workflow.scheduling_settings and workflow.scheduling_settings.max_jobs_per_timespan
if LIMIT and (LIMIT.max_jobs, LIMIT.timespan) == (100, 1):
    workflow.scheduling_settings.max_jobs_per_timespan = None
