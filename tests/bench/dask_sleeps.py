#!/usr/bin/python3
"""The peer of sleep triggers: the same sleeps through Dask, one process with 16 threads, everything on this machine.

    dask_sleeps.py THREADS < nanoseconds, one per line in the order of submission      prints the seconds it took

The time runs from the first submission to the last result in the client's hands, on a cluster that is up and warm.
"""

import sys
import time

from distributed import Client, LocalCluster, wait


def sleep_ns(nanoseconds):
    time.sleep(nanoseconds / 1e9)


def main():
    threads = int(sys.argv[1])
    lengths = [int(line) for line in sys.stdin]
    with LocalCluster(n_workers=1, threads_per_worker=threads, processes=True, dashboard_address=None) as cluster, \
            Client(cluster) as client:
        wait(client.map(sleep_ns, [1000] * threads * 4, pure=False))  # warm: imports and connections are not what is measured
        begin = time.monotonic()
        futures = client.map(sleep_ns, lengths, pure=False)
        wait(futures)
        elapsed = time.monotonic() - begin
        failed = sum(future.status != "finished" for future in futures)
        if failed:
            sys.exit(f"dask_sleeps: {failed} tasks did not finish")
    print(f"{elapsed:.6f}")


if __name__ == "__main__":
    main()
