"""Prints the pods that the workloads on standard input make, labelled as their controllers would. A server looks at a pod more
closely than at its template."""

import sys

import yaml


def pod(workload):
    template = workload["spec"]["template"]
    metadata = dict(template["metadata"], name=workload["metadata"]["name"], namespace=workload["metadata"]["namespace"])
    metadata["labels"] = dict(metadata["labels"], **{"pod-template-hash": "1"})
    claims = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])]
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    spec = dict(template["spec"], volumes=template["spec"].get("volumes", []) + volumes)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def account(pod):
    name = pod["spec"].get("serviceAccountName", "default")
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": pod["metadata"]["namespace"]}}


def of_schedule(workload):
    """The Job that a CronJob makes."""
    return dict(workload, spec=workload["spec"]["jobTemplate"]["spec"]) if workload["kind"] == "CronJob" else workload


workloads = [of_schedule(one) for one in yaml.safe_load_all(sys.stdin) if one]
workloads = [one for one in workloads if "template" in one.get("spec", {})]
pods = [pod(one) for one in workloads]
what = {"pods": pods, "accounts": [account(one) for one in pods]}[sys.argv[1]]
yaml.safe_dump_all(what, sys.stdout)
