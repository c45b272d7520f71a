"""In the feed."""

from faults.planted import plant, put


@plant("the feed serves what is committed, though something before it may still come", database="postgresql")
def feed_without_horizon() -> None:
    put("overplane.events.horizon:expression", lambda: "NULL")
