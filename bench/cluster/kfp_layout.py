"""The Workflow that Kubeflow Pipelines makes of a chain or a fan-out, with the same templates, pods and hops.

The driver and the launcher are stand-ins that do nothing but write the files that Argo reads: what
they cost in Kubeflow (a query of ML Metadata, an upload, a program of 123 MB to copy) is left out,
so the times are the least that this layout can take. Everything else is as Kubeflow's compiler writes
it: a driver pod for the root and one for each task, a DAG around each executor, an init container that
copies the launcher, seven volumes, requests of the driver, the component and the container as
arguments of the workflow.
"""
import json

SHELL = "dhow.test/shell:1"
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
SCRATCH = {"kfp-launcher": "/kfp-launcher", "gcs-scratch": "/gcs", "s3-scratch": "/s3", "minio-scratch": "/minio",
           "dot-local-scratch": "/.local", "dot-cache-scratch": "/.cache", "dot-config-scratch": "/.config"}


def parameters(**values) -> dict:
    return {"parameters": [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]}


def driver(name: str, inputs: list, outputs: dict) -> dict:
    """A driver's template: its outputs are files, written by the stand-in."""
    writes = " && ".join(f"printf %s '{value}' >/tmp/outputs/{key}" for key, value in outputs.items())
    return {"name": name, "inputs": {"parameters": inputs}, "metadata": {"annotations": {"pipelines.kubeflow.org/runtime-role": "driver"}},
            "outputs": {"parameters": [{"name": key, "valueFrom": {"path": f"/tmp/outputs/{key}", "default": value}} for key, value in outputs.items()]},
            "container": {"image": SHELL, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", f"mkdir -p /tmp/outputs && {writes}"],
                          "args": ["--type", "CONTAINER", "--component", "{{inputs.parameters.component}}", "--task", "{{inputs.parameters.task}}", "--task_name", "{{inputs.parameters.task-name}}"],
                          "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
                          "securityContext": {**RESTRICTED, "runAsNonRoot": True, "runAsUser": 1000}}}


def executor() -> list:
    patch = "{{inputs.parameters.pod-spec-patch}}"
    mounts = [{"name": name, "mountPath": path} for name, path in SCRATCH.items()]
    impl = {"name": "system-container-impl", "inputs": {"parameters": [{"name": "pod-spec-patch"}]}, "podSpecPatch": patch,
            "metadata": {"annotations": {"pipelines.kubeflow.org/runtime-role": "launcher"}}, "volumes": [{"name": name, "emptyDir": {}} for name in SCRATCH],
            "initContainers": [{"name": "kfp-launcher", "image": SHELL, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", "cp /bin/busybox /kfp-launcher/busybox-launch"],
                                "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
                                "securityContext": {**RESTRICTED, "runAsNonRoot": True, "runAsUser": 1000}, "volumeMounts": mounts[:1]}],
            "container": {"image": "dhow.test/should-be-overridden-during-runtime:1", "imagePullPolicy": "IfNotPresent", "command": ["should-be-overridden-during-runtime"],
                          "securityContext": RESTRICTED, "volumeMounts": mounts}}
    around = {"name": "system-container-executor", "inputs": {"parameters": [{"name": "pod-spec-patch"}, {"name": "cached-decision", "default": "false"}]},
              "dag": {"tasks": [{"name": "executor", "template": "system-container-impl", "when": "{{inputs.parameters.cached-decision}} != true",
                                 "arguments": parameters(pod_spec_patch=patch)}]}}
    return [impl, around]


def workflow(name: str, tasks: dict[str, list[str]]) -> dict:
    """`tasks`: a task's name to the names of those that it waits for."""
    component = json.dumps({"executorLabel": "exec-step", "inputDefinitions": {"parameters": {"text": {"parameterType": "STRING"}}},
                            "outputDefinitions": {"parameters": {"Output": {"parameterType": "STRING"}}}})
    container = json.dumps({"image": SHELL, "command": ["sh", "-c", "echo done"]})
    patch = json.dumps({"containers": [{"name": "main", "image": SHELL, "command": ["/kfp-launcher/busybox-launch", "sh", "-c", "echo done"], "resources": {}}]})
    inputs = [{"name": n} for n in ("component", "task", "container", "task-name", "parent-dag-id")]
    steps = []
    for task, before in tasks.items():
        spec = json.dumps({"cachingOptions": {"enableCache": True}, "componentRef": {"name": "comp-step"}, "taskInfo": {"name": task}})
        driving = {"name": f"{task}-driver", "template": "system-container-driver",
                   "arguments": parameters(component="{{workflow.parameters.components-step}}", task=spec, container="{{workflow.parameters.implementations-step}}",
                                           task_name=task, parent_dag_id="{{inputs.parameters.parent-dag-id}}")}
        if before:
            driving["depends"] = " && ".join(f"{b}.Succeeded" for b in before)
        out = f"tasks.{task}-driver.outputs.parameters"
        steps += [driving, {"name": task, "template": "system-container-executor", "depends": f"{task}-driver.Succeeded",
                            "arguments": parameters(pod_spec_patch=f"{{{{{out}.pod-spec-patch}}}}", cached_decision=f"{{{{{out}.cached-decision}}}}")}]
    root = {"name": "root", "inputs": {"parameters": [{"name": "parent-dag-id"}]}, "dag": {"tasks": steps}}
    entry = {"name": "entrypoint", "dag": {"tasks": [
        {"name": "root-driver", "template": "system-dag-driver", "arguments": parameters(component="{{workflow.parameters.components-root}}", task="", task_name="")},
        {"name": "root", "template": "root", "depends": "root-driver.Succeeded", "arguments": parameters(parent_dag_id="{{tasks.root-driver.outputs.parameters.execution-id}}")}]}}
    templates = [driver("system-container-driver", inputs, {"pod-spec-patch": patch, "cached-decision": "false", "condition": "true"}), *executor(), root,
                 driver("system-dag-driver", [{"name": "component"}, {"name": "task"}, {"name": "task-name"}], {"execution-id": "1", "iteration-count": "0", "condition": "true"}), entry]
    arguments = {"components-step": component, "implementations-step": container, "components-root": json.dumps({"dag": {"tasks": dict.fromkeys(tasks, {})}})}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "labels": {"dhow-test": "yes"}},
            "spec": {"entrypoint": "entrypoint", "templates": templates, "arguments": {"parameters": [{"name": k, "value": v} for k, v in arguments.items()]},
                     "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, "podMetadata": {"labels": {"pipelines.kubeflow.org/v2_component": "true"}},
                     "automountServiceAccountToken": False, "executor": {"serviceAccountName": "kfp-executor"}}}


def chain(length: int) -> dict[str, list[str]]:
    return {f"step-{i}": [f"step-{i - 1}"] if i else [] for i in range(length)}


def fan(width: int) -> dict[str, list[str]]:
    return {f"step-{i}": [] for i in range(width)}


def account() -> list:
    """What Argo's own containers report by: Kubeflow has one account for all, with more rights."""
    name = {"name": "kfp-executor"}
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name},
            {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
             "metadata": {"name": "kfp-executor.service-account-token", "annotations": {"kubernetes.io/service-account.name": "kfp-executor"}}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": name,
             "rules": [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": name,
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "kfp-executor"}, "subjects": [{"kind": "ServiceAccount", "name": "kfp-executor"}]}]
