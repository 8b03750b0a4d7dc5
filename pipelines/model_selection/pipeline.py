"""The model-selection pipeline: data, two trainers side by side, the better model, a gate, promotion.

Compile:  python pipeline.py [OUT.yaml]     (kfp 2.17.0; the default is pipeline.yaml beside this file)
Run:      dhow run pipelines/model_selection/pipeline.yaml

Every step is a container component whose image holds nothing but the dhow program. The same file
runs on Kubeflow Pipelines; there, build and push the images in components/ first.
"""
import pathlib
import sys

from kfp import compiler, dsl
from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

VERSION = "0.1.0"
DATA_SHA256 = "fefd0594fe431ad9205a996d0fb446ec2f093a41fbee00c6df7fcc29518b15c6"


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
def train_logistic_regression(train: Input[Dataset], label: str, positive: str, c: float, model: Output[Model]):
    """Logistic regression on standardised features; C as in scikit-learn."""
    return container("train-logistic-regression", [
        "--train", train.path, "--label", label, "--positive", positive, "--c", c, "--model", model.path,
    ])


@dsl.container_component
def train_decision_tree(train: Input[Dataset], label: str, positive: str, max_depth: int, model: Output[Model]):
    """A CART decision tree (Gini, exact splits)."""
    return container("train-decision-tree", [
        "--train", train.path, "--label", label, "--positive", positive, "--max-depth", max_depth,
        "--model", model.path,
    ])


@dsl.container_component
def evaluate(
    model: Input[Model],
    test: Input[Dataset],
    metrics: Output[Metrics],
    classification: Output[ClassificationMetrics],
    report: Output[Artifact],
):
    """Accuracy, precision, recall, F1, ROC AUC, log loss; confusion matrix and ROC curve."""
    return container("evaluate", [
        "--model", model.path, "--test", test.path, "--metrics", metrics.path,
        "--classification", classification.path, "--report", report.path,
    ])


@dsl.container_component
def select_model(
    metric: str,
    logistic_regression: Input[Model],
    logistic_regression_report: Input[Artifact],
    decision_tree: Input[Model],
    decision_tree_report: Input[Artifact],
    chosen: Output[Model],
    best: dsl.OutputPath(str),
    score: dsl.OutputPath(float),
    reason: dsl.OutputPath(str),
):
    """The better model by one metric; of equal ones the first named here, and the reason says so."""
    return container("select-model", [
        "--metric", metric,
        "--candidate", "logistic-regression", "--report", logistic_regression_report.path,
        "--model", logistic_regression.path,
        "--candidate", "decision-tree", "--report", decision_tree_report.path, "--model", decision_tree.path,
        "--chosen", chosen.path, "--best", best, "--score", score, "--reason", reason,
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
    """Copies the model under a version and registers it.

    What registers it is the metadata of the Model artifact: dhow.model_name, dhow.model_version and
    dhow.aliases. Any step that sets them registers a model.
    """
    return container("promote", [
        "--model", model.path, "--model-name", model_name, "--version", version, "--aliases", aliases,
        "--best", best, "--metric", metric, "--score", score, "--threshold", threshold,
        "--registered", registered.path, "--version-used", version_used,
    ])


@dsl.container_component
def reject(best: str, metric: str, score: float, threshold: float, reason: dsl.OutputPath(str)):
    """Says why no model was promoted."""
    return container("reject", [
        "--best", best, "--metric", metric, "--score", score, "--threshold", threshold, "--reason", reason,
    ])


@dsl.pipeline(name="model-selection", description="Two models side by side, the better one through a gate.")
def model_selection(
    source: str = "data/breast_cancer.csv",
    sha256: str = DATA_SHA256,
    label: str = "diagnosis",
    positive: str = "malignant",
    test_size: float = 0.2,
    seed: int = 42,
    c: float = 1.0,
    max_depth: int = 3,
    metric: str = "accuracy",
    threshold: float = 0.9,
    model_name: str = "breast-cancer",
    version: str = "",
    aliases: str = "champion",
):
    data = download_data(source=source, sha256=sha256, label=label, test_size=test_size, seed=seed)
    regression = train_logistic_regression(train=data.outputs["train"], label=label, positive=positive, c=c)
    tree = train_decision_tree(train=data.outputs["train"], label=label, positive=positive, max_depth=max_depth)
    regression_score = evaluate(model=regression.outputs["model"], test=data.outputs["test"])
    regression_score.set_display_name("evaluate-logistic-regression")
    tree_score = evaluate(model=tree.outputs["model"], test=data.outputs["test"])
    tree_score.set_display_name("evaluate-decision-tree")
    choice = select_model(
        metric=metric,
        logistic_regression=regression.outputs["model"],
        logistic_regression_report=regression_score.outputs["report"],
        decision_tree=tree.outputs["model"],
        decision_tree_report=tree_score.outputs["report"],
    )
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
    with dsl.Else(name="not-good-enough"):
        reject(best=choice.outputs["best"], metric=metric, score=choice.outputs["score"], threshold=threshold)


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent
    compiler.Compiler().compile(model_selection, sys.argv[1] if len(sys.argv) > 1 else str(here / "pipeline.yaml"))
