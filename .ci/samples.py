"""Sample figures for the picture of the dashboard: plausible, and the same for the same metric each time."""

import hashlib
import random
import re

POINTS = 36

# What a metric's figures look like: a level, how far they go from it, and how often there is one at all. The first whose
# word is in the metric's name, labels and dimensions together counts. Only arithmetic that is alike on every machine.
LEVELS = [
    ("DestinationDelivery", 0, 0, 1),
    ("NumberOfMessages", 1, 0, 0.08),
    ("OutboxAge", 14, 0.9, 1),
    ("OutboxWaiting", 22, 0.8, 1),
    ("OutboxParked", 0, 0, 1),
    ("EventsParked", 0, 0, 1),
    ("EventsPublished", 64, 0.5, 1),
    ("CertificatesExpiring", 2, 0, 1),
    ("EstimatedMaxTimeLag", 70, 0.9, 1),
    ("OffsetLag", 55, 0.9, 1),
    ("Throttles", 0, 0, 1),
    ("throttled", 0, 0, 1),
    ("Errors", 1, 0, 0.06),
    ("Failures", 1.6, 0.6, 0.22),
    ("Conflict", 1, 0, 0.12),
    ("Signature", 1, 0, 0.05),
    ("rejected", 1, 0, 0.12),
    ("retried", 2, 0.7, 0.25),
    ("skipped", 30, 0.5, 1),
    ("superseded", 1.4, 0.6, 0.3),
    ("already", 3, 0.8, 0.7),
    ("Records", 26, 0.45, 1),
    ("DownloadSeconds", 0.5, 0.4, 1),
    ("WaitSeconds", 0.2, 0.9, 1),
    ("ReadSeconds", 0.9, 0.3, 1),
    ("MergeSeconds", 0.7, 0.3, 1),
    ("CommitSeconds", 0.06, 0.4, 1),
    ("ImportSeconds", 1.5, 0.3, 1),
    ("ExportSeconds", 2.4, 0.3, 1),
    ("RequestSeconds", 0.012, 0.4, 1),
    ("ObjectsUpdated", 900, 0.6, 1),
    ("ObjectsAdded", 260, 0.8, 1),
    ("ObjectsArchived", 90, 0.9, 1),
    ("ObjectsRemoved", 40, 0.9, 1),
    ("ObjectsBad", 0, 0, 1),
    ("Warnings", 4, 0.8, 1),
    ("EntitlementsExported", 420, 0.7, 1),
    ("5xx", 0.6, 0.5, 0.05),
    ("4xx", 5, 0.6, 1),
    ("Requests", 160, 0.35, 1),
    ("Count", 190, 0.35, 1),
    ("Duration", 2600, 0.5, 1),
    ("ConcurrentExecutions", 2.2, 0.5, 1),
    ("DatabaseConnections", 11, 0.35, 1),
    ("gb_seconds", 34, 0.4, 1),
    ("1048576", 46, 0.12, 1),
]


def seeded(key: str) -> random.Random:
    return random.Random(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))


def series(key: str) -> list[float]:
    """The figures of the metric that `key` describes."""
    level, spread, often = next(((level, spread, often) for word, level, spread, often in LEVELS if word in key), (10, 0.5, 1))
    # Functions differ more than the moments of one do; percentiles of one metric must not. What is rare comes one by one.
    if often == 1:
        level *= 0.45 + 1.1 * seeded(re.sub(" p[0-9]+", "", key) + "level").random()
    chance = seeded(key)
    figures, drift = [], 0.0
    for _ in range(POINTS):
        # It drifts, and comes back to its level.
        drift = 0.72 * drift + (chance.random() - 0.5)
        there = chance.random() < often
        figure = max(0.0, level * (1 + spread * drift * 1.3)) if there else 0.0
        figures.append(figure if often == 1 else float(round(figure)))
    if "p99" in key:
        figures = [figure * 2.6 for figure in figures]
    return figures
