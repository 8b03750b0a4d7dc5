# run: asan
"""Runs found by metric, parameter, tag, state and time; experiments; the best run; runs compared as table, CSV and HTML."""
import csv
import html.parser
import io
import json
import pathlib
import tempfile

from specs import pipeline, step, write
from tap import check, dhow, done, says


class Page(html.parser.HTMLParser):
    """What stands in a page, and whether its elements are closed in order."""
    VOID = {"meta", "rect", "line", "polyline", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.sound, self.words = [], [], True, []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sound &= not any(k.startswith("on") or k in ("src", "href") for k, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        self.sound &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def metrics_pipeline() -> dict:
    """A step that gives an accuracy that a parameter names, and a curve."""
    s = pipeline("p", accuracy=0.5, kind="l1", note="")
    answer = {"artifacts": {
        "m": {"artifacts": [{"name": "m", "metadata": {"accuracy": "ACC"}}]},
        "c": {"artifacts": [{"name": "c", "metadata": {
            "confidenceMetrics": [{"confidenceThreshold": 1, "recall": 0, "falsePositiveRate": 0}, {"confidenceThreshold": 0, "recall": 1, "falsePositiveRate": 1}],
            "confusionMatrix": {"annotationSpecs": [{"displayName": "<no>"}, {"displayName": "yes"}], "rows": [{"row": [5, 1]}, {"row": [2, 7]}]}}}]}}}
    text = json.dumps(answer).replace('"ACC"', '\'"$in_acc"\'')
    script = f"mkdir -p \"$(dirname \"$in_file\")\"; printf %s '{text}' > \"$in_file\""
    step(s, "train", script, inputs={"acc": "=accuracy"}, artifacts={"m": "Metrics", "c": "ClassificationMetrics"})
    s["components"]["comp-train"]["inputDefinitions"]["parameters"]["acc"] = {"parameterType": "NUMBER_DOUBLE"}
    s["deploymentSpec"]["executors"]["exec-train"]["container"]["args"].append("in_file={{$.outputs.output_file}}")
    return s


def names(result) -> list:
    return [r["display_name"] for r in json.loads(result.stdout)] if result.returncode == 0 else [says(result)]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-find-") as folder:
        home = pathlib.Path(folder) / "home"
        path = write(folder, metrics_pipeline(), "p.json")

        def run(name, accuracy, *args):
            r = dhow("run", path, "--quiet", "--name", name, "-p", f"accuracy={accuracy}", *args, home=home)
            check(r.returncode == 0, f"run {name}", says(r))

        run("a", 0.95, "--experiment", "tuning", "--tag", "team=x", "-p", "kind=l2")
        run("b", 0.85, "--experiment", "tuning")
        run("c", 0.95, "--experiment", "other", "-p", "note=<script>alert(1)</script>")  # its step comes from the cache

        def runs(*args):
            return names(dhow("runs", "--output", "json", *args, home=home))

        check(runs("--where", "metric.accuracy > 0.9") == ["c", "a"], "by metric, also where the step was cached")
        check(runs("--where", "metric.accuracy > 0.9 and param.kind = l2 and state = SUCCEEDED and tag.team = x") == ["a"], "by all of it")
        check(runs("--where", "experiment = tuning", "--sort", "metric.accuracy desc") == ["a", "b"], "in the order of a metric")
        check(runs("--sort", "param.accuracy asc", "-n", "1") == ["b"], "in the order of a parameter")
        r = dhow("runs", "--sort", "metric.accuracy desc", home=home)
        check("accuracy" in r.stdout.splitlines()[0] and "0.95" in r.stdout.splitlines()[1], "the metric is a column", says(r))
        r = dhow("runs", "--where", "metric.accuracy >> 1", home=home)
        check(r.returncode == 2 and "column" in r.stderr, "what is wrong says where", says(r))

        check(dhow("runs", "tag", "last", "team=y", "stage=two words", home=home).returncode == 0, "tags are set")
        check(dhow("runs", "tag", "last", home=home).stdout == "stage=two words\nteam=y\n", "tags are shown")
        check(runs("--where", "tag.stage like '%words'") == ["c"], "by tag")
        check(dhow("runs", "tag", "last", "team=", home=home).returncode == 0 and runs("--where", "tag.team") == ["a"], "a tag is removed")
        check(dhow("runs", "tag", "last", "=x", home=home).returncode == 2, "a tag without a name")
        check(dhow("runs", "note", "b", "too slow", home=home).returncode == 0 and runs("--where", "notes like '%slow%'") == ["b"], "notes")
        check(dhow("runs", "archive", "b", home=home).returncode == 0 and runs() == ["c", "a"] and runs("--all") == ["c", "b", "a"], "archived")
        check(dhow("runs", "unarchive", "b", home=home).returncode == 0 and runs() == ["c", "b", "a"], "unarchived")

        best = dhow("experiments", "best", "tuning", "--metric", "accuracy", "--output", "json", home=home)
        check(best.returncode == 0 and json.loads(best.stdout)["display_name"] == "a" and json.loads(best.stdout)["metrics"] == {"accuracy": 0.95}, "the best run", says(best))
        worst = dhow("experiments", "best", "tuning", "--metric", "accuracy", "--min", home=home)
        check(worst.stdout.strip() == json.loads(dhow("show", "b", "--output", "json", home=home).stdout)["run_id"], "the smallest, by its id", says(worst))
        check(dhow("experiments", "best", "tuning", "--metric", "none", home=home).returncode == 2, "no run has it")
        check(dhow("experiments", "archive", "other", home=home).returncode == 0 and runs() == ["b", "a"], "an experiment is archived, with its runs")
        check([e["name"] for e in json.loads(dhow("experiments", "--output", "json", home=home).stdout)] == ["tuning"], "it is not listed")
        check(len(json.loads(dhow("experiments", "--all", "--output", "json", home=home).stdout)) == 2, "but with --all")
        dhow("experiments", "tag", "tuning", "owner=me", home=home)
        dhow("experiments", "note", "tuning", "a grid", home=home)
        e = json.loads(dhow("experiments", "show", "tuning", "--output", "json", home=home).stdout)
        check(e["tags"] == {"owner": "me"} and e["notes"] == "a grid" and e["runs"] == 2, "an experiment's tags and notes", str(e))

        r = dhow("compare", "a", "b", "c", "--format", "csv", home=home)
        rows = list(csv.reader(io.StringIO(r.stdout)))
        check(rows[0] == ["kind", "name", "run 1", "run 2", "run 3"], "CSV: a column a run", r.stdout)
        check(["parameter", "accuracy", "0.95", "0.85", "0.95"] in rows, "CSV: parameters", r.stdout)
        check(["metric", "train/accuracy", "0.95", "0.85", "0.95"] in rows, "CSV: metrics", r.stdout)
        r = dhow("compare", "a", "b", "c", "--format", "html", home=home)
        page = Page()
        page.feed(r.stdout)
        check(page.sound and not page.open and "script" not in page.tags, "HTML: well formed, alone, without scripts")
        check("<script>alert(1)</script>" in page.words and "<no>" in page.words, "HTML: what runs hold is text")
        check(page.tags.count("polyline") == 3 and page.tags.count("rect") >= 4, "HTML: curves over one another, bars")
        text = r.stdout
        check(text.index("<th>accuracy</th>") < text.index("<h2>Metrics</h2>"), "HTML: parameters before metrics")
        check(sum(w == "7" for w in page.words) == 3, "HTML: confusion matrices")
    done()


main()
