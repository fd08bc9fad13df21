"""What a test reads out of a snapshot."""

from hydrochat_otel import semconv


def durations(snapshot):
    return [
        (dict(point.attributes), sum(point.counts), point.sum) for point in snapshot.points(semconv.OPERATION_DURATION)
    ]
