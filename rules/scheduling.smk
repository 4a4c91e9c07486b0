# Remove Snakemake's default limit of 100 started jobs per second. The limit starts a timer at each
# scheduling pass, and each timer starts another pass. So CPU time per job grows with the number of
# finished jobs, until the main process takes the CPU from the jobs (Snakemake's issues 2967 and 3744;
# bench/scheduling.py). A longer timespan delays this, but also delays the exit by one timespan. No
# option removes the limit, but the programming interface does. Limits that the user sets stay.
LIMIT = workflow.scheduling_settings and workflow.scheduling_settings.max_jobs_per_timespan
if LIMIT and (LIMIT.max_jobs, LIMIT.timespan) == (100, 1):
    workflow.scheduling_settings.max_jobs_per_timespan = None
