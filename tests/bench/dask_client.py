"""The peer of scenarios/drivers/dask.py: the same sleeps through Dask's own client, on a cluster of the same layout.

    dask_client.py THREADS PROCESSES < nanoseconds, one per line      prints the seconds from the first submission to the last result in hand
"""

import sys
import time

from distributed import Client, LocalCluster


def slept(nanoseconds):
    begun = time.monotonic_ns()
    time.sleep(nanoseconds / 1e9)
    return begun, time.monotonic_ns()


def main():
    threads, processes = int(sys.argv[1]), sys.argv[2] == "true"
    lengths = [int(line) for line in sys.stdin]
    with LocalCluster(n_workers=1, threads_per_worker=threads, processes=processes, dashboard_address=None) as cluster, Client(cluster) as client:
        client.gather(client.map(slept, [1_000_000] * threads * 4, pure=False))  # warm, as the driver does it
        begin = time.monotonic()
        results = client.gather(client.map(slept, lengths, pure=False))
        elapsed = time.monotonic() - begin
    if len(results) != len(lengths):
        sys.exit(f"dask_client: {len(results)} results of {len(lengths)}")
    print(f"{elapsed:.6f}")


if __name__ == "__main__":
    main()
