"""What the queue purges of its own."""

from overplane.jobs import housekeeping, purging

housekeeping.register("jobs that ended 30 days ago", purging.jobs)
housekeeping.register("files that nothing knows any more", purging.files)
