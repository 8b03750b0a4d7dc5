"""The model race: five kinds of model, each with its options found by cross-validation, one winner, a gate.

Compile:  python pipeline.py [OUT.yaml]     (kfp 2.17.0; the default is pipeline.yaml beside this file)
Run:      dhow run pipelines/model_race/pipeline.yaml

The five searches run side by side. The winner is promoted if its score passes the threshold; with it go an ONNX
file and a model card. sweep.py shows the other way to search: a ParallelFor over the values.
"""
import json
import pathlib
import sys

from kfp import compiler, dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

VERSION = "0.1.0"
DATA_SHA256 = "fefd0594fe431ad9205a996d0fb446ec2f093a41fbee00c6df7fcc29518b15c6"

RACERS = {
    "ridge": ("logistic-regression", {"c": [0.01, 0.1, 1.0, 10.0]}),
    "lasso": ("logistic-regression", {"c": [0.01, 0.1, 1.0, 10.0], "penalty": ["l1"]}),
    "tree": ("decision-tree", {"max_depth": [2, 3, 4, 6], "min_samples_leaf": [1, 5, 20]}),
    "forest": ("random-forest", {"trees": [100], "max_depth": [4, 8, 0]}),
    "boosting": ("gradient-boosting", {"rounds": [50, 100], "learning_rate": [0.05, 0.1], "max_leaves": [7, 31]}),
}


def container(name: str, args: list) -> dsl.ContainerSpec:
    """The one form of a built-in step. '{{$}}' is KFP's executor input: it says where metadata goes."""
    return dsl.ContainerSpec(
        image=f"dhow/components/{name}:{VERSION}",
        command=["dhow", "component", name],
        args=["--executor-input", "{{$}}", *args],
    )


@dsl.container_component
def download_data(
    source: str,
    sha256: str,
    label: str,
    test_size: float,
    seed: int,
    train: Output[Dataset],
    test: Output[Dataset],
):
    """Fetches the CSV, checks its SHA-256, and splits it: stratified by the label, seeded."""
    return container("download-data", [
        "--source", source, "--sha256", sha256, "--label", label, "--test-size", test_size, "--seed", seed,
        "--train", train.path, "--test", test.path,
    ])


@dsl.container_component
def search(
    train: Input[Dataset],
    label: str,
    positive: str,
    kind: str,
    params: str,
    strategy: str,
    folds: int,
    metric: str,
    seed: int,
    model: Output[Model],
    trials_table: Output[Artifact],
):
    """The best options of one kind of model by cross-validation, then that model on all the training rows."""
    return container("search", [
        "--train", train.path, "--label", label, "--positive", positive, "--kind", kind, "--params", params,
        "--strategy", strategy, "--folds", folds, "--metric", metric, "--seed", seed, "--model", model.path,
        "--trials-table", trials_table.path,
    ])


@dsl.container_component
def evaluate(
    model: Input[Model],
    test: Input[Dataset],
    bootstrap: int,
    metrics: Output[Metrics],
    classification: Output[ClassificationMetrics],
    report: Output[Artifact],
):
    """Metrics with 95 % intervals, confusion matrix, ROC and precision-recall curves, calibration."""
    return container("evaluate", [
        "--model", model.path, "--test", test.path, "--bootstrap", bootstrap, "--metrics", metrics.path,
        "--classification", classification.path, "--report", report.path,
    ])


@dsl.container_component
def select_model(
    metric: str,
    ridge: Input[Model],
    ridge_report: Input[Artifact],
    lasso: Input[Model],
    lasso_report: Input[Artifact],
    tree: Input[Model],
    tree_report: Input[Artifact],
    forest: Input[Model],
    forest_report: Input[Artifact],
    boosting: Input[Model],
    boosting_report: Input[Artifact],
    chosen: Output[Model],
    chosen_report: Output[Artifact],
    best: dsl.OutputPath(str),
    score: dsl.OutputPath(float),
    reason: dsl.OutputPath(str),
):
    """The best of the five by one metric, and whether it is better than the next by more than noise."""
    return container("select-model", [
        "--metric", metric,
        "--candidate", "ridge", "--report", ridge_report.path, "--model", ridge.path,
        "--candidate", "lasso", "--report", lasso_report.path, "--model", lasso.path,
        "--candidate", "tree", "--report", tree_report.path, "--model", tree.path,
        "--candidate", "forest", "--report", forest_report.path, "--model", forest.path,
        "--candidate", "boosting", "--report", boosting_report.path, "--model", boosting.path,
        "--chosen", chosen.path, "--chosen-report", chosen_report.path, "--best", best, "--score", score,
        "--reason", reason,
    ])


@dsl.container_component
def promote(
    model: Input[Model],
    model_name: str,
    version: str,
    aliases: str,
    best: str,
    metric: str,
    score: float,
    threshold: float,
    registered: Output[Model],
    version_used: dsl.OutputPath(str),
):
    """Copies the model under a version and registers it (metadata dhow.model_name, dhow.model_version)."""
    return container("promote", [
        "--model", model.path, "--model-name", model_name, "--version", version, "--aliases", aliases,
        "--best", best, "--metric", metric, "--score", score, "--threshold", threshold,
        "--registered", registered.path, "--version-used", version_used,
    ])


@dsl.container_component
def export_onnx(model: Input[Model], onnx: Output[Model]):
    """The model for other programs: ONNX, preparation included."""
    return container("export-onnx", ["--model", model.path, "--onnx", onnx.path])


@dsl.container_component
def model_card(
    model: Input[Model],
    report: Input[Artifact],
    title: str,
    notes: str,
    card: Output[Markdown],
    html: Output[HTML],
):
    """What the model is and how good, for people."""
    return container("model-card", [
        "--model", model.path, "--report", report.path, "--title", title, "--notes", notes, "--card", card.path,
        "--html", html.path,
    ])


@dsl.container_component
def reject(best: str, metric: str, score: float, threshold: float, reason: dsl.OutputPath(str)):
    """Says why no model was promoted."""
    return container("reject", [
        "--best", best, "--metric", metric, "--score", score, "--threshold", threshold, "--reason", reason,
    ])


@dsl.pipeline(name="model-race", description="Five kinds of model, each searched for its best options; one winner.")
def model_race(
    source: str = "../model_selection/data/breast_cancer.csv",
    sha256: str = DATA_SHA256,
    label: str = "diagnosis",
    positive: str = "malignant",
    test_size: float = 0.2,
    seed: int = 42,
    strategy: str = "grid",
    folds: int = 5,
    bootstrap: int = 1000,
    metric: str = "roc_auc",
    threshold: float = 0.95,
    model_name: str = "breast-cancer-race",
    version: str = "",
    aliases: str = "champion",
    notes: str = "",
):
    data = download_data(source=source, sha256=sha256, label=label, test_size=test_size, seed=seed)
    inputs = {}
    for name, (kind, params) in RACERS.items():
        found = search(
            train=data.outputs["train"],
            label=label,
            positive=positive,
            kind=kind,
            params=json.dumps(params),
            strategy=strategy,
            folds=folds,
            metric=metric,
            seed=seed,
        ).set_display_name(f"search-{name}")
        seen = evaluate(model=found.outputs["model"], test=data.outputs["test"], bootstrap=bootstrap)
        seen.set_display_name(f"evaluate-{name}")
        inputs[name] = found.outputs["model"]
        inputs[f"{name}_report"] = seen.outputs["report"]
    choice = select_model(metric=metric, **inputs)
    with dsl.If(choice.outputs["score"] >= threshold, name="good-enough"):
        promote(
            model=choice.outputs["chosen"],
            model_name=model_name,
            version=version,
            aliases=aliases,
            best=choice.outputs["best"],
            metric=metric,
            score=choice.outputs["score"],
            threshold=threshold,
        )
        export_onnx(model=choice.outputs["chosen"])
        model_card(
            model=choice.outputs["chosen"], report=choice.outputs["chosen_report"], title=model_name, notes=notes
        )
    with dsl.Else(name="not-good-enough"):
        reject(best=choice.outputs["best"], metric=metric, score=choice.outputs["score"], threshold=threshold)


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent
    compiler.Compiler().compile(model_race, sys.argv[1] if len(sys.argv) > 1 else str(here / "pipeline.yaml"))
