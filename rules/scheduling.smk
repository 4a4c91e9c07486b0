# Snakemake limits how many jobs it starts per second (100 by default). While jobs are ready, each
# scheduling pass starts a timer, and each timer starts another pass. So passes per second grow with
# the number of finished jobs, until the main process takes the CPU from the jobs (Snakemake's issues
# 2967 and 3744; bench/scheduling.py). No option switches the limit off, and settings are not there
# yet while rules are read. Here one timer at a time is enough; the limit itself stays.
import threading

from snakemake.scheduling.job_scheduler import JobScheduler


def start_one_timer(scheduler, delay):
    waiting = getattr(scheduler, "waiting_timer", None)
    if waiting is None or waiting.finished.is_set():
        scheduler.waiting_timer = threading.Timer(delay, scheduler.release_once)
        scheduler.waiting_timer.start()


def release_once(scheduler):
    scheduler.waiting_timer.finished.set()
    scheduler._open_jobs.release()


JobScheduler._schedule_reevalutation = start_one_timer
JobScheduler.release_once = release_once
