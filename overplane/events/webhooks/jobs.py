"""What the worker does for webhooks: it delivers, and deletes old deliveries."""

from overplane.events.webhooks import dispatching, purging
from overplane.jobs import housekeeping, loops

housekeeping.register("deliveries of 30 days ago", purging.old_deliveries)
loops.register("webhooks", dispatching.run)
