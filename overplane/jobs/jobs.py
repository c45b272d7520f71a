"""What the queue purges of its own."""

from overplane.jobs import files, housekeeping, purging

housekeeping.register("jobs that ended 30 days ago", purging.jobs)
housekeeping.register("files that nothing knows any more", purging.files)
housekeeping.register("uploads that were cut off, and copies of files", files.leftovers)
