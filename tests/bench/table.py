"""The benchmark's table: medians with their spread, ours beside the peers', and what was promised."""
import collections
import statistics

# What a line of the table promises: unit, target in words, test of our median and of the ratios by peer, and
# whether a ratio is peer / ours (cost) or ours / peer (rate).
Line = collections.namedtuple("Line", "unit target met kind")


def spread(values):
    def text(value):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text(statistics.median(values))} ({text(min(values))} .. {text(max(values))})"


def ratios(kind, ours, peers):
    """Pairs of one repetition are compared with each other, so a slow minute falls out of the ratio."""
    pairs = [(ours[number], peer) for number, peer in peers.items() if number in ours]
    if kind == "cost":
        return [peer / own for own, peer in pairs if own > 0]
    return [own / peer for own, peer in pairs if peer > 0]


def table(lines, values):
    """values[line][side] is {repetition: value}. Rows of the table as dictionaries."""
    rows = []
    for line, promise in lines.items():
        if "assay" not in values.get(line, {}):
            continue
        ours = values[line]["assay"]
        peers = [side for side in values[line] if side != "assay"]
        compared = {peer: ratios(promise.kind, ours, values[line][peer]) for peer in peers}
        met = promise.met(statistics.median(ours.values()), {peer: statistics.median(all_of) for peer, all_of in compared.items() if all_of})
        for position, peer in enumerate(peers or [None]):
            rows.append({
                "row": line if position == 0 else "", "unit": promise.unit, "n": len(ours),
                "assay": spread(list(ours.values())) if position == 0 else "",
                "peer": peer or "", "peer n": str(len(values[line][peer])) if peer else "",
                "peer value": spread(list(values[line][peer].values())) if peer else "",
                "ratio": spread(compared[peer]) if compared.get(peer) else "",
                "target": promise.target if position == 0 else "",
                "met": ("yes" if met else "NO") if position == 0 else "",
            })
            if position:
                rows[-1]["unit"] = rows[-1]["n"] = ""
    return rows


def print_table(rows):
    columns = list(rows[0])
    widths = {column: max(len(column), *(len(str(row[column])) for row in rows)) for column in columns}
    print("  ".join(column.ljust(widths[column]) for column in columns).rstrip())
    print("  ".join("-" * widths[column] for column in columns))
    for row in rows:
        print("  ".join(str(row[column]).ljust(widths[column]) for column in columns).rstrip())
    print("\nratio: how many times better Assay is than the peer (cost: peer / ours; rate: ours / peer), per repetition.")
