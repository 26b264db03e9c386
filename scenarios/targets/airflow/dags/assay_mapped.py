"""DAGs of N mapped tasks that sleep: assay_mapped_10 ... assay_mapped_1000; lengths are uniform over 1-10 ms, or the run's conf says:
{"sleep_min_ms": 100, "sleep_max_ms": 1000}. Every task returns its own instants, for start_date is not the body's start: that comes
some 0.85 s later (scenarios/targets/airflow/README.md)."""
import random
import time

from airflow.sdk import DAG, get_current_context, task

SIZES = (10, 50, 100, 500, 1000)
SEED = 42


@task(task_id="sleep")
def sleep(number):
    begun_ns = time.time_ns()
    conf = get_current_context()["dag_run"].conf or {}
    # Drawn per task and not per run: each run of a size does the same work.
    share = random.Random(SEED * 1_000_003 + number).random()
    low_ms, high_ms = conf.get("sleep_min_ms", 1), conf.get("sleep_max_ms", 10)
    planned_ns = round((low_ms + share * (high_ms - low_ms)) * 1e6)
    time.sleep(planned_ns / 1e9)
    return {"begun_ns": begun_ns, "ended_ns": time.time_ns(), "planned_ns": planned_ns}


for size in SIZES:
    with DAG(dag_id=f"assay_mapped_{size}", schedule=None, catchup=False, tags=["assay"]) as dag:
        sleep.expand(number=list(range(size)))
    globals()[dag.dag_id] = dag
