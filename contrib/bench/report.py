"""Figures of all rounds as Markdown tables: medians, and beside each the ratio to bore."""
import statistics

from measures import AT_ONCE, DESCRIPTORS, FLOOD, MANY, MANY_DESCRIPTORS, SIZES, TUNNELS

BASE = "bore"
# Measured with each congestion control
DEPENDING = ("throughput", "rate", "trips")


class Results:
    """figures[congestion, measure, peer] is a list with one dict of figures for each round; None: the trial failed."""

    def __init__(self, figures):
        self.figures = figures

    def rounds(self, where, peer, key):
        """The figure of each round, None where there is none."""
        return [(figures or {}).get(key) for figures in self.figures.get((*where, peer), [])]

    def values(self, where, peer, key):
        return [value for value in self.rounds(where, peer, key) if value is not None]

    def median(self, where, peer, key):
        values = self.values(where, peer, key)
        return statistics.median(values) if values else None

    def ratio(self, where, peer, key):
        """The median of the ratios to bore within a round: neighbours on the machine come and go between rounds."""
        pairs = zip(self.rounds(where, peer, key), self.rounds(where, BASE, key))
        ratios = [value / base for value, base in pairs if value is not None and base]
        return statistics.median(ratios) if ratios else None


def digits(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == int(value):
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def times(ratio):
    return "" if ratio is None else f" ({digits(ratio)})"


class Column:
    """Figures of one kind: the medians of keys with slashes between them, and the ratio of the first."""

    def __init__(self, heading, *keys, has_ratio=True):
        self.heading, self.keys, self.has_ratio = heading, keys, has_ratio

    def cell(self, results, where, peer):
        if not results.values(where, peer, self.keys[0]):
            rounds = results.figures.get((*where, peer), [])
            return "failed" if rounds and not any(rounds) else "-"
        text = " / ".join(digits(results.median(where, peer, key)) for key in self.keys)
        return text + (times(results.ratio(where, peer, self.keys[0])) if self.has_ratio else "")


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def table(heading, columns, titles, results, where):
    """A line for each peer. titles: of the peers, by name."""
    lines = [row(heading, *(column.heading for column in columns)), row(*("---" for _ in range(len(columns) + 1)))]
    for peer, title in titles.items():
        if (*where, peer) in results.figures:
            lines.append(row(title, *(column.cell(results, where, peer) for column in columns)))
    return "\n".join(lines)


def trips_table(titles, results, where):
    """A line for each size, since there are many."""
    peers = [peer for peer in titles if (*where, peer) in results.figures]
    lines = [row("bytes", *(titles[peer] for peer in peers)), row(*("---" for _ in range(len(peers) + 1)))]
    for size in SIZES:
        column = Column("", f"p50_us_{size}", f"p99_us_{size}")
        lines.append(row(f"{size:,}", *(column.cell(results, where, peer) for peer in peers)))
    return "\n".join(lines)


WAYS = (("1 stream", "1"), ("1 stream, to the visitor", "1R"), ("4 streams", "4"), ("4 streams, to the visitor", "4R"))

# measure: title with a note, columns
TABLES = {
    "throughput": [
        ("Throughput, Gb/s", [Column(heading, f"gbps_{way}") for heading, way in WAYS]),
        ("CPU seconds of server and client for each GB", [Column(heading, f"cpu_{way}") for heading, way in WAYS])],
    "rate": [
        ("New connections each second: connect, a byte there and back, close",
         [Column(f"{count} at once", f"rate_{count}") for count in AT_ONCE]),
        ("The same: milliseconds until the answer, p50 / p99",
         [Column(f"{count} at once", f"p50_ms_{count}", f"p99_ms_{count}") for count in AT_ONCE]),
        ("The same: p99 alone, for its ratio", [Column(f"{count} at once", f"p99_ms_{count}") for count in AT_ONCE]),
        ("The same: CPU microseconds of server and client for each connection",
         [Column(f"{count} at once", f"cpu_us_{count}") for count in AT_ONCE])],
    "trips": [("Round trips, microseconds, p50 / p99", None)],
    "far": [
        ("At 50 ms round-trip time between server and client: milliseconds from connect to the first byte, p50 / p99",
         [Column("1 at a time", "p50_ms_1", "p99_ms_1"), Column("8 at once", "p50_ms_8", "p99_ms_8")])],
    "memory": [
        ("Memory for each idle connection, KiB",
         [Column("server, PSS", "server"), Column("client, PSS", "client"),
          Column("kernel stacks", "stacks", has_ratio=False), Column("page tables", "tables", has_ratio=False),
          Column("slab", "slab", has_ratio=False), Column("sum", "sum")])],
    "idle": [
        ("One idle tunnel",
         [Column("CPU, % of a core", "cpu_percent"), Column("wake-ups/s", "wakeups"),
          Column("of the server", "wakeups_server", has_ratio=False),
          Column("of the client", "wakeups_client", has_ratio=False),
          Column("PSS of the server, KiB", "pss_server"), Column("PSS of the client, KiB", "pss_client")])],
    "start": [
        ("Milliseconds until it works",
         [Column("the server listens", "server_ms"), Column("a client's first visitor is served", "client_ms"),
          Column("both", "sum_ms")])],
    "size": [
        ("Size, KiB",
         [Column("programs, stripped", "binary"), Column("libraries", "libraries"),
          Column("number of libraries", "number", has_ratio=False)])],
    "descriptors": [
        (f"{FLOOD} visitors at once, {DESCRIPTORS} descriptors for each process",
         [Column("served", "served", has_ratio=False), Column("turned away", "turned_away", has_ratio=False),
          Column("hanging after 10 s", "hanging", has_ratio=False),
          Column("CPU meanwhile, %", "busy", has_ratio=False),
          Column("server / client alive", "server_alive", "client_alive", has_ratio=False),
          Column("served of 10, afterwards", "later", has_ratio=False)])],
    "many": [
        (f"{MANY:,} connections at once, {MANY_DESCRIPTORS:,} descriptors for each process",
         [Column("served", "served", has_ratio=False), Column("seconds", "took_s"),
          Column("PSS of both before, KiB", "before", has_ratio=False), Column("with all of them", "during"),
          Column("12 s after all are closed", "after"),
          Column("served of 10, afterwards", "later", has_ratio=False)])],
    "tunnels": [
        ("Idle tunnels of one server: what it costs, by their number",
         [Column(f"{count:,}: {heading}", f"{key}_{count}") for count in TUNNELS
          for heading, key in (("CPU for 1,000, % of a core", "cpu"), ("wake-ups/s of each", "wakeups"),
                               ("PSS of each, KiB", "pss"), ("seconds until all stand", "took_s"))])],
}


def tables(results, titles):
    """All that there is."""
    parts = []
    for measure, kinds in TABLES.items():
        for congestion in dict.fromkeys(where[0] for where in results.figures if where[1] == measure):
            where = congestion, measure
            said = f", {congestion}" if measure in DEPENDING else ""
            for title, columns in kinds:
                parts.append(f"### {title}{said}\n")
                parts.append(table("", columns, titles, results, where) if columns
                             else trips_table(titles, results, where))
                parts.append("")
    return "\n".join(parts)


def summary(results, titles):
    """The figures that a front page has room for. titles: of the peers that it has room for."""
    lines = []
    congestions = list(dict.fromkeys(where[0] for where in results.figures if where[1] == "throughput"))
    kinds = [(f"{congestion}: {heading}", (congestion, "throughput"), Column("", *keys))
             for congestion in congestions
             for heading, keys in (("Gb/s, 1 stream", ["gbps_1"]), ("Gb/s, 4 streams", ["gbps_4"]),
                                   ("CPU s/GB, 1 stream", ["cpu_1"]), ("CPU s/GB, 4 streams", ["cpu_4"]))]
    first = next((where[0] for where in results.figures), None)
    kinds += [("new connections/s, 16 at once", (first, "rate"), Column("", "rate_16")),
              ("their p50 / p99, ms", (first, "rate"), Column("", "p50_ms_16", "p99_ms_16")),
              ("16 KiB there and back, p50 / p99, us", (first, "trips"), Column("", "p50_us_16384", "p99_us_16384")),
              ("50 ms away: first byte, p50 / p99, ms", (first, "far"), Column("", "p50_ms_1", "p99_ms_1")),
              ("memory of an idle connection, whole system, KiB", (first, "memory"), Column("", "sum")),
              ("idle tunnel, wake-ups/s", (first, "idle"), Column("", "wakeups")),
              ("start, ms", (first, "start"), Column("", "sum_ms")),
              ("programs, stripped, KiB", (first, "size"), Column("", "binary"))]
    peers = [peer for peer in titles if any(key[2] == peer for key in results.figures)]
    lines += [row("", *(titles[peer] for peer in peers)), row(*("---" for _ in range(len(peers) + 1)))]
    for heading, where, column in kinds:
        if any(key[:2] == where for key in results.figures):
            lines.append(row(heading, *(column.cell(results, where, peer) for peer in peers)))
    return "\n".join(lines)
