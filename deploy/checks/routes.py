"""Which service each path of the API is, as the services' sources document it, and where nginx's template sends a path."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SERVICES = ["eventservice", "bookingservice"]
UPSTREAMS = {"event_service": "eventservice", "booking_service": "bookingservice"}
LOCATION = re.compile(r"location ~ (\S+) \{\s*proxy_pass http://(\w+);")


def documented_paths():
    """Pairs of a path, with an id where it has a name, and the service that documents it."""
    pairs = [("/health/live", "eventservice"), ("/docs/", "eventservice"), ("/openapi.json", "eventservice")]
    for service in SERVICES:
        for source in (TOP / service / "src").rglob("*.rs"):
            for path in re.findall(r'path = "(/[^"]*)"', source.read_text()):
                pairs.append((re.sub(r"\{\w+\}", "4f9c-1", path), service))
    if len(pairs) < 20:
        raise SystemExit("error: the services' sources document next to no paths any more")
    return sorted(set(pairs))


def split_of_nginx():
    """A function from a path to the service that deploy/nginx sends it to; none where it answers itself."""
    template = (TOP / "deploy/nginx/myevents.conf.template").read_text()
    locations = [(re.compile(pattern), UPSTREAMS[upstream]) for pattern, upstream in LOCATION.findall(template)]
    return lambda path: next((service for pattern, service in locations if pattern.search(path)), None)
