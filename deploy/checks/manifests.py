"""Looks into an overlay's manifests for what a schema cannot know. Ends at the first fault, with one line that tells it."""

import re
import sys
from urllib.parse import urlsplit

import yaml

from routes import SERVICES, documented_paths, split_of_nginx

# Made by cert-manager or by hand, never by an overlay.
SECRETS_FROM_ELSEWHERE = {"certificate"}
PINNED = re.compile(r":[^:/@]*\d[^:/@]*$|@sha256:")
DEFAULT_PORTS = {"mongodb": 27017, "amqp": 5672, "http": 80}
WORKLOADS = ["Deployment", "StatefulSet", "Job", "CronJob"]
# They end.
BATCH = {"Job", "CronJob"}
PROBES = ["startupProbe", "readinessProbe", "livenessProbe"]
ENDING = ["MYEVENTS_DRAIN_SECONDS", "MYEVENTS_SHUTDOWN_SECONDS"]
SECONDS_BEHIND_REQUESTS = 3


class Fault(Exception):
    pass


def need(holds, text):
    if not holds:
        raise Fault(text)


def matches(selector, labels):
    """Whether a label selector takes these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", []):
        need(rule["operator"] in {"In", "Exists"}, f"the operator {rule['operator']} is not known here")
        if rule["key"] not in labels or rule["operator"] == "In" and labels[rule["key"]] not in rule["values"]:
            return False
    return True


class Pods:
    """The pods of one workload."""

    def __init__(self, workload):
        self.kind = workload["kind"]
        self.name = workload["metadata"]["name"]
        self.workload = workload["spec"] if self.kind != "CronJob" else workload["spec"]["jobTemplate"]["spec"]
        self.template = self.workload["template"]
        self.labels = self.template["metadata"]["labels"]
        self.spec = self.template["spec"]
        self.containers = self.spec["containers"] + self.spec.get("initContainers", [])
        self.ports = {port["name"]: port["containerPort"] for one in self.containers for port in one.get("ports", [])}

    def port(self, port):
        """The number of a port that is named or has its number; none where it is not a container's."""
        return self.ports.get(port, port if port in self.ports.values() else None)


class Build:
    def __init__(self, overlay, documents):
        self.local = overlay.startswith("local")
        self.documents = documents
        self.pods = [Pods(one) for kind in WORKLOADS for one in self.all(kind)]
        self.policies = [one["spec"] for one in self.all("NetworkPolicy")]

    def all(self, kind):
        return [one for one in self.documents if one["kind"] == kind]

    def named(self, kind, name):
        return next((one for one in self.all(kind) if one["metadata"]["name"] == name), None)

    def find(self, kind, name, who):
        found = self.named(kind, name)
        need(found, f"{who} names the {kind} {name}, which is not there")
        return found

    def selected(self, selector):
        return [pods for pods in self.pods if matches(selector, pods.labels)]

    def workload(self, name):
        return next(pods for pods in self.pods if pods.name == name)


def pods_give_up_what_they_do_not_need(build):
    for pods in build.pods:
        need(pods.spec.get("automountServiceAccountToken") is False, f"{pods.name} has a token of the Kubernetes API")
        need(pods.spec.get("enableServiceLinks") is False, f"{pods.name} has variables of every Service")
        of_pod = pods.spec.get("securityContext", {})
        need(of_pod.get("runAsNonRoot") and of_pod.get("runAsUser"), f"{pods.name} may run as root")
        need(of_pod.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{pods.name} has no seccomp profile")
        for container in pods.containers:
            context = container.get("securityContext", {})
            need(context.get("readOnlyRootFilesystem"), f"{pods.name} may write to its file system")
            need(context.get("allowPrivilegeEscalation") is False, f"{pods.name} may gain privileges")
            need(context.get("capabilities", {}).get("drop") == ["ALL"], f"{pods.name} keeps capabilities")


def containers_are_bounded_and_looked_at(build):
    for pods in build.pods:
        for container in pods.containers:
            resources = container.get("resources", {})
            need({"cpu", "memory"} <= set(resources.get("requests", {})), f"{pods.name} requests no processor or no memory")
            need("memory" in resources.get("limits", {}), f"{pods.name} has no limit of memory")
            for probe in [] if pods.kind in BATCH else PROBES:
                need(probe in container, f"{pods.name} has no {probe}")
        for volume in pods.spec.get("volumes", []):
            need("emptyDir" not in volume or "sizeLimit" in volume["emptyDir"], f"{pods.name}: {volume['name']} has no limit")
        if pods.kind in BATCH:
            need("backoffLimit" in pods.workload and "activeDeadlineSeconds" in pods.workload, f"{pods.name} may go on for ever")


def images_are_pinned(build):
    for pods in build.pods:
        for container in pods.containers:
            image = container["image"]
            ours_here = build.local and re.fullmatch(r"myevents/\w+:dev", image)
            need(PINNED.search(image) or ours_here, f"{pods.name}: {image} has no version")
            need(container.get("imagePullPolicy") == "IfNotPresent", f"{pods.name}: {image} would be fetched again and again")


def nothing_is_lost_when_pods_are_replaced(build):
    settings = next(one["data"] for one in build.all("ConfigMap") if "MYEVENTS_SHUTDOWN_SECONDS" in one["data"])
    for deployment in build.all("Deployment"):
        pods = build.workload(deployment["metadata"]["name"])
        rolling = pods.workload["strategy"]["rollingUpdate"]
        need(rolling["maxUnavailable"] == 0 and rolling["maxSurge"], f"{pods.name}: an old pod goes before a new one is ready")
        scaled = build.named("HorizontalPodAutoscaler", pods.name)
        replicas = scaled["spec"]["minReplicas"] if scaled else pods.workload["replicas"]
        need(replicas >= 2, f"{pods.name} has {replicas} replicas")
        need(not scaled or "replicas" not in pods.workload, f"{pods.name}: applying it would undo its autoscaler")
        budget = build.find("PodDisruptionBudget", pods.name, "this check")
        need(matches(budget["spec"]["selector"], pods.labels), f"{pods.name}: its disruption budget is not for it")
        for container in pods.containers:
            pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            ours = any("configMapRef" in source for source in container.get("envFrom", []))
            ending = sum(int(settings[name]) for name in ENDING) + SECONDS_BEHIND_REQUESTS if ours else 0
            need(pause + ending < pods.spec["terminationGracePeriodSeconds"], f"{pods.name} is killed before it is done")


def store_and_broker_are_servers(build):
    for service in SERVICES:
        for setting in ["MYEVENTS_STORE", "MYEVENTS_BROKER"]:
            url = environment(build, build.workload(service)).get(setting, "sqlite:")
            need(not url.startswith(("sqlite:", "embedded:")), f"{service}: {setting} is a pod's own")


def whatever_is_named_is_there(build):
    for pods in build.pods:
        need(pods.kind in BATCH or matches(pods.workload["selector"], pods.labels), f"{pods.name} does not select its pods")
        if account := pods.spec.get("serviceAccountName"):
            build.find("ServiceAccount", account, pods.name)
        if pods.kind == "StatefulSet":
            headless = build.find("Service", pods.workload["serviceName"], pods.name)
            need(headless["spec"].get("clusterIP") == "None", f"{pods.name}: its Service gives its pods no names")
        volumes = {one["name"] for one in pods.spec.get("volumes", [])}
        volumes |= {one["metadata"]["name"] for one in pods.workload.get("volumeClaimTemplates", [])}
        for container in pods.containers:
            for mount in container.get("volumeMounts", []):
                need(mount["name"] in volumes, f"{pods.name} mounts {mount['name']}, which is not there")
        environment(build, pods)
    for service in build.all("Service"):
        name = service["metadata"]["name"]
        selected = build.selected({"matchLabels": service["spec"]["selector"]})
        need(len(selected) == 1, f"the Service {name} selects the pods of {[pods.name for pods in selected]}")
        for port in service["spec"]["ports"]:
            need(selected[0].port(port["targetPort"]), f"the Service {name}: {port['targetPort']} is no port of its pods")
    for scaler in build.all("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        build.find(target["kind"], target["name"], f"the autoscaler {scaler['metadata']['name']}")
    for monitor in build.all("ServiceMonitor"):
        services = [one for one in build.all("Service") if matches(monitor["spec"]["selector"], one["metadata"]["labels"])]
        need({one["metadata"]["name"] for one in services} == set(SERVICES), "the ServiceMonitor does not select both services")
        for endpoint in monitor["spec"]["endpoints"]:
            for service in services:
                need(port_of(service, endpoint["port"]), f"the ServiceMonitor: {endpoint['port']} is no port of both services")


def port_of(service, name):
    return next((port for port in service["spec"]["ports"] if name in {port["name"], port["port"]}), None)


def environment(build, pods):
    """What the containers of a pod are told, secrets as well."""
    told = {}
    for container in pods.containers:
        for source in container.get("envFrom", []):
            told |= build.find("ConfigMap", source["configMapRef"]["name"], pods.name)["data"]
        for variable in container.get("env", []):
            if "value" in variable:
                told[variable["name"]] = variable["value"]
                continue
            reference = variable["valueFrom"]["secretKeyRef"]
            secret = build.find("Secret", reference["name"], pods.name)
            need(reference["key"] in secret["data"], f"{pods.name}: the Secret {reference['name']} has no {reference['key']}")
            told[variable["name"]] = yaml.safe_load(f"!!binary {secret['data'][reference['key']]}").decode()
    return told


def policies_select_somebody(build):
    need(
        any(not one["podSelector"] and set(one["policyTypes"]) == {"Ingress", "Egress"} and len(one) == 2 for one in build.policies),
        "nothing shuts off what no policy allows",
    )
    for document in build.all("NetworkPolicy"):
        name, policy = document["metadata"]["name"], document["spec"]
        selected = build.selected(policy["podSelector"])
        need(selected, f"the policy {name} is for no pod")
        for rule in policy.get("ingress", []):
            need("from" in rule and "ports" in rule, f"the policy {name} lets everybody in")
            for port in rule["ports"]:
                need(all(pods.port(port["port"]) for pods in selected), f"the policy {name}: {port['port']} is no port of its pods")
        for rule in policy.get("ingress", []) + policy.get("egress", []):
            for peer in rule.get("from", rule.get("to", [])):
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    need(build.selected(peer["podSelector"]), f"the policy {name} names pods that are not there")


def allowed(build, source, target, port):
    """Whether policies let the pods of `source` reach those of `target` at a port."""

    def by(direction, owner, peer):
        for policy in build.policies:
            for rule in policy.get(direction, []) if matches(policy["podSelector"], owner.labels) else []:
                peers = rule["from" if direction == "ingress" else "to"]
                takes = any(matches(one["podSelector"], peer.labels) for one in peers if set(one) == {"podSelector"})
                if takes and any(target.port(one["port"]) == port for one in rule["ports"]):
                    return True
        return False

    return by("egress", source, target) and by("ingress", target, source)


def addresses(text):
    """Host and port of what a setting, or an argument, says: URLs of stores and brokers, and HOST:PORT."""
    if text.startswith("kafka:"):
        return [tuple(one.split(":")) for one in text.removeprefix("kafka:").partition("?")[0].split(",")]
    if "://" in text:
        url = urlsplit(text)
        return [(url.hostname, url.port or DEFAULT_PORTS.get(url.scheme.removesuffix("+srv")))] if url.hostname else []
    return [match.groups()] if (match := re.fullmatch(r"([a-z][\w.-]*):(\d+)", text)) else []


def pods_reach_what_they_are_told_of_and_nothing_else(build):
    wanted = set()
    for pods in build.pods:
        told = list(environment(build, pods).values()) + [arg for one in pods.containers for arg in one.get("args", [])]
        for host, port in (address for text in told for address in addresses(text)):
            # The name of a Service, or of a StatefulSet's pod: POD.SERVICE.
            service = build.named("Service", host.split(".")[-1])
            if not service or pods in build.selected({"matchLabels": service["spec"]["selector"]}):
                continue
            entry = port_of(service, int(port))
            need(entry, f"{pods.name} is told of {host}:{port}, which is no port of that Service")
            target = build.selected({"matchLabels": service["spec"]["selector"]})[0]
            wanted.add((pods.name, target.name, target.port(entry["targetPort"])))
    for source in build.pods:
        for target in build.pods:
            for port in set(target.ports.values()):
                reached, wants = allowed(build, source, target, port), (source.name, target.name, port) in wanted
                need(reached or not wants, f"policies keep {source.name} from {target.name}:{port}")
                need(wants or not reached, f"policies let {source.name} reach {target.name}:{port}, of which it is not told")
    need(wanted, "no pod is told of another")


def ingress_sends_paths_where_they_belong(build):
    ingress = build.all("Ingress")[0]["spec"]
    rules = {rule["host"]: rule["http"]["paths"] for rule in ingress["rules"]}
    need(set(ingress["tls"][0]["hosts"]) == set(rules), "some name of the Ingress has no certificate")
    need(ingress["tls"][0]["secretName"] in SECRETS_FROM_ELSEWHERE, "the Ingress names a certificate that nobody makes")
    for paths in rules.values():
        for path in paths:
            backend = path["backend"]["service"]
            service = build.find("Service", backend["name"], "the Ingress")
            need(port_of(service, backend["port"]["name"]), f"the Ingress: {backend} has no such port")
            need(path["pathType"] in {"Prefix", "Exact"}, f"the Ingress: {path['path']} is not the same with every controller")
    nginx = split_of_nginx()
    for path, owner in documented_paths():
        need(nginx(path) == owner, f"deploy/nginx sends {path} to {nginx(path)}, and not to {owner}")
        for host in rules:
            found = backend_of(rules[host], path)
            found = nginx(path) if found == "page" else found
            need(found == owner, f"{host} sends {path} to {found}, and not to {owner}")
    need(backend_of(rules["www.myevents.example"], "/e/1") == "page", "www.myevents.example is not the page")


def backend_of(paths, path):
    """Which Service a path goes to: the longest prefix counts, element by element."""
    fitting = [one for one in paths if (path + "/").startswith(one["path"].rstrip("/") + "/")]
    longest = max(fitting, key=lambda one: len(one["path"]), default=None)
    return longest and longest["backend"]["service"]["name"]


def main(overlay, manifests):
    with open(manifests) as file:
        build = Build(overlay, [one for one in yaml.safe_load_all(file) if one])
    checks = [
        pods_give_up_what_they_do_not_need,
        containers_are_bounded_and_looked_at,
        images_are_pinned,
        whatever_is_named_is_there,
        store_and_broker_are_servers,
        nothing_is_lost_when_pods_are_replaced,
        policies_select_somebody,
        pods_reach_what_they_are_told_of_and_nothing_else,
        ingress_sends_paths_where_they_belong,
    ]
    for check in checks:
        check(build)
        print(f"  ok: {overlay}: {check.__name__.replace('_', ' ')}")


try:
    main(*sys.argv[1:])
except Fault as fault:
    sys.exit(f"error: overlay {sys.argv[1]}: {fault}")
