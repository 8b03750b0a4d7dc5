"""A search as a ParallelFor: one training and one evaluation for each value, side by side, each a task of its own.

Compile:  python sweep.py [OUT.yaml]     (the default is sweep.yaml beside this file)
Run:      dhow run pipelines/model_race/sweep.yaml -p 'values=[0.01, 0.1, 1.0]'

`dhow show RUN` and `dhow compare` then have the metrics of each value.
"""
import pathlib
import sys
from typing import List

from kfp import compiler, dsl
from kfp.dsl import Dataset, Input, Model, Output
from pipeline import DATA_SHA256, container, download_data, evaluate


@dsl.container_component
def train_logistic_regression(train: Input[Dataset], label: str, positive: str, c: float, model: Output[Model]):
    """Logistic regression on standardised features; C as in scikit-learn."""
    return container("train-logistic-regression", [
        "--train", train.path, "--label", label, "--positive", positive, "--c", c, "--model", model.path,
    ])


@dsl.pipeline(name="regularisation-sweep", description="One model for each strength of the penalty.")
def sweep(
    values: List[float] = [0.01, 0.1, 1.0, 10.0],  # a plain list would loop over texts
    source: str = "../model_selection/data/breast_cancer.csv",
    sha256: str = DATA_SHA256,
    label: str = "diagnosis",
    positive: str = "malignant",
    test_size: float = 0.2,
    seed: int = 42,
):
    data = download_data(source=source, sha256=sha256, label=label, test_size=test_size, seed=seed)
    with dsl.ParallelFor(values, name="each-c") as c:
        model = train_logistic_regression(train=data.outputs["train"], label=label, positive=positive, c=c)
        evaluate(model=model.outputs["model"], test=data.outputs["test"], bootstrap=0)


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent
    compiler.Compiler().compile(sweep, sys.argv[1] if len(sys.argv) > 1 else str(here / "sweep.yaml"))
