"""Looks into the compose file, as compose-go reads it, for what its schema cannot know: with each profile alone everything
that is named is there, what is ours gives up what it does not need, and no image is whatever is newest."""

import json
import os
import re
import sys

import yaml

PROFILES = ["embedded", "rabbitmq", "kafka"]
OURS = re.compile(r"myevents/")
PINNED = re.compile(r":[^:/@]*\d[^:/@]*$|@sha256:")
HOST = re.compile(r"(?:://(?:[^@/\s]*@)?|^kafka:|^)([a-z][a-z0-9-]*)(?=:\d+|/)")


class Fault(Exception):
    pass


def need(holds, text):
    if not holds:
        raise Fault(text)


def hosts(service):
    """Names of other containers in what a service is told."""
    told = [str(value) for value in (service.get("environment") or {}).values()]
    told += [part for part in service.get("command") or [] if "://" in part]
    return {host for text in told for host in HOST.findall(text)}


def look_at_profile(model, targets, profile):
    active = {name: service for name, service in model["services"].items() if profile in service.get("profiles", [profile])}
    names = list(active)
    published = []
    for name, service in active.items():
        for network in (service.get("networks") or {}).values():
            names += (network or {}).get("aliases", [])
        published += [port["published"] for port in service.get("ports", [])]
    need(len(set(names)) == len(names), f"two containers have one name: {sorted(names)}")
    need(len(set(published)) == len(published), f"two containers have one port: {published}")
    need("8080" in published, "nobody has the page's port, 8080")
    images = {service["image"] for service in active.values() if OURS.match(service["image"])}
    for image in images:
        builders = [name for name, service in active.items() if service["image"] == image and "build" in service]
        need(len(builders) == 1, f"{image} is built by {builders}")
    for name, service in active.items():
        for other, how in service.get("depends_on", {}).items():
            if other not in active and not how.get("required", True):
                continue
            need(other in active, f"{name} depends on {other}, which is not there")
            waits = service["depends_on"][other]["condition"] == "service_healthy"
            # Images of ours have checks of their own, which containers.sh looks at.
            is_checked = "healthcheck" in active[other] or OURS.match(active[other]["image"])
            need(not waits or is_checked, f"{name} waits for the health of {other}, which has no check")
        for host in hosts(service) - {"localhost"}:
            need(host in names, f"{name} is told of {host}, which is not there")
        for volume in service.get("volumes", []):
            known = os.path.exists if volume["type"] == "bind" else model["volumes"].__contains__
            need(known(volume["source"]), f"{name}: there is no {volume['source']} to mount")
    for target in targets:
        need(target.split(":")[0] in names, f"Prometheus scrapes {target}, which is not there")
    print(f"  ok: compose, profile {profile}: {len(active)} containers, and whatever they name is there")


def look_at_service(name, service):
    image = service["image"]
    if OURS.match(image):
        need(service.get("read_only"), f"{name} may write to its file system")
        need(service.get("cap_drop") == ["ALL"], f"{name} keeps capabilities")
        need("no-new-privileges:true" in service.get("security_opt", []), f"{name} may gain privileges")
    else:
        need(PINNED.search(image), f"{name}: {image} has no version")
    print(f"  ok: compose, {name}: {image}")


def main(model_file, prometheus_file):
    with open(model_file) as file:
        model = json.load(file)
    with open(prometheus_file) as file:
        jobs = yaml.safe_load(file)["scrape_configs"]
    targets = [target for job in jobs for config in job["static_configs"] for target in config["targets"]]
    for name, service in model["services"].items():
        look_at_service(name, service)
        need(set(service.get("profiles", [])) <= set(PROFILES), f"{name} has a profile that is none of {PROFILES}")
    for profile in PROFILES:
        look_at_profile(model, targets, profile)


try:
    main(*sys.argv[1:])
except Fault as fault:
    sys.exit(f"error: compose.yml: {fault}")
