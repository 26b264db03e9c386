"""The chain of a published comparison of workflow managers: extract from a mock I/O API, transform, load back to it.

The API's address comes with the run's conf: {"mock": "http://127.0.0.1:8000"}; `assay-mock --listen 127.0.0.1:8000` is one. Unlike
the original, every run has files of its own (there, runs read each other's half-written ones), and the timeout is as long as the slowest
of the systems had (120 s), so that a queue at the API is waited for and not counted as a failure.
"""
import json
import os
import pathlib
import tempfile
import time
import urllib.request

from airflow.sdk import DAG, get_current_context, task

TIMEOUT_S = 120


def place():
    context = get_current_context()
    folder = pathlib.Path(os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())) / "mock_io" / context["run_id"].replace("/", "_")
    folder.mkdir(parents=True, exist_ok=True)
    return context["dag_run"].conf["mock"].rstrip("/"), folder


def timed(begun_ns, **facts):
    return {"begun_ns": begun_ns, "ended_ns": time.time_ns(), **facts}


def transformed(item):
    price, year, mileage = float(item["price"]), int(item["year"]), int(item["mileage"])
    bucket = "cheap" if price < 20000 else "mid" if price < 50000 else "premium"
    return {**item, "price": price, "year": year, "mileage": mileage, "price_bucket": bucket,
            "normalized_score": round(year * 1000 / (mileage + 1), 6),
            "brand": item["brand"].strip().lower(), "model": item["model"].strip().lower()}


@task
def extract_data():
    begun_ns = time.time_ns()
    mock, folder = place()
    with urllib.request.urlopen(mock + "/extract", timeout=TIMEOUT_S) as answer:
        (folder / "raw.json").write_bytes(answer.read())
    return timed(begun_ns, raw_path=str(folder / "raw.json"))


@task
def transform_data(extracted):
    begun_ns = time.time_ns()
    _, folder = place()
    items = [transformed(item) for item in json.loads(pathlib.Path(extracted["raw_path"]).read_text())["items"]]
    (folder / "transformed.json").write_text(json.dumps({"items": items, "count": len(items)}))
    return timed(begun_ns, transformed_path=str(folder / "transformed.json"), count=len(items))


@task
def load_data(moved):
    begun_ns = time.time_ns()
    mock, _ = place()
    request = urllib.request.Request(mock + "/load", data=pathlib.Path(moved["transformed_path"]).read_bytes(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        received = json.load(answer)
    return timed(begun_ns, ok=received["ok"], received=received["received"])


with DAG(dag_id="assay_mock_io", schedule=None, catchup=False, tags=["assay"]):
    load_data(transform_data(extract_data()))
