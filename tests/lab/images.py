"""Build the images: Debian roots from the machine's package sources, and Containerfiles on top."""

import hashlib
import sys
import tempfile
from pathlib import Path

from tests.lab import credentials, machine
from tests.lab.description import Description, Image
from tests.lab.errors import LabError
from tests.lab.podman import exists, inspect, podman
from tests.lab.process import run

DIRECTORY = Path(__file__).with_name("images")
DIGEST_LABEL = "mspctl-lab.digest"
ROOT_IMAGE = "localhost/mspctl-lab-root"
ROOT_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-apt", "sudo", "iproute2",
    "iputils-ping", "procps", "ca-certificates", "kmod", "lsb-release",
)  # fmt: skip


def build(description: Description, name: str) -> str:
    """Return the tag of an image after building it, and what it stands on, when that changed."""
    image = description.image(name)
    digest = _digest(description, image)
    if exists("image", image.tag) and _label(image.tag) == digest:
        return image.tag
    parent = build(description, image.parent) if image.parent else _root(image.release)
    print(f"image {image.name}: building", file=sys.stderr)
    folder = DIRECTORY / (image.folder or image.name)
    _make_readable(folder)
    log = credentials.DIRECTORY / f"image-{image.name}.log"
    credentials.make_directory()
    try:
        podman(
            "build", "--pull=never", "--network=host", "--layers=false", "--logfile", str(log),
            *_authorities(),
            "--label", f"{DIGEST_LABEL}={digest}",
            "--build-arg", f"PARENT={parent}",
            "--build-arg", f"PREFETCH={' '.join(description.prefetch)}",
            "--tag", image.tag, str(folder),
            timeout_seconds=3600,
        )  # fmt: skip
    except LabError as error:
        raise LabError(f"image {image.name}: not built; {log} says why") from error
    return image.tag


def _authorities() -> tuple[str, ...]:
    """Return the option by which a build may trust whom this machine trusts: a signing proxy, say."""
    path = machine.AUTHORITIES
    return ("--volume", f"{path}:/run/machine-authorities.pem:ro") if path.exists() else ()


def build_all(description: Description) -> None:
    """Build every image of a host that is missing or whose sources changed."""
    for name in description.used_images:
        build(description, name)


def remove_all(description: Description) -> None:
    """Remove the images, children first; one that a container outside the lab runs on stays."""
    podman("image", "prune", "--force", "--filter", f"label={DIGEST_LABEL}")
    roots = dict.fromkeys(_root_tag(image.release) for image in description.images)
    for tag in [*(image.tag for image in reversed(description.images)), *roots]:
        if exists("image", tag):
            try:
                podman("image", "rm", tag)
            except LabError as error:
                print(f"image {tag}: kept: {error}", file=sys.stderr)


def _make_readable(directory: Path) -> None:
    """Let everybody read what goes into an image, whatever umask the work tree was made with."""
    for path in (directory, *directory.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))


def _label(tag: str) -> str:
    labels = inspect("image", tag).get("Labels") or {}
    return str(labels.get(DIGEST_LABEL, ""))


def _digest(description: Description, image: Image) -> str:
    """Return a digest of all an image is made of, its parent included."""
    parts = [_root_digest(image.release), " ".join(description.prefetch)]
    if image.parent:
        parts = [_digest(description, description.image(image.parent))]
    digest = hashlib.sha256("\n".join(parts).encode())
    for file in sorted((DIRECTORY / (image.folder or image.name)).rglob("*")):
        if file.is_file():
            digest.update(str(file.relative_to(DIRECTORY)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _root_tag(release: str) -> str:
    return ROOT_IMAGE if release == Image.release else f"{ROOT_IMAGE}-{release}"


def _root_digest(release: str) -> str:
    return " ".join(ROOT_PACKAGES) if release == Image.release else " ".join((*ROOT_PACKAGES, release))


def _root(release: str) -> str:
    """Return the tag of a release's bare root, unpacked with mmdebstrap when it is not there."""
    wanted = hashlib.sha256(_root_digest(release).encode()).hexdigest()
    tag = _root_tag(release)
    if exists("image", tag) and _label(tag) == wanted:
        return tag
    print(f"image root: unpacking Debian's {release}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="mspctl-lab-") as scratch:
        archive = f"{scratch}/root.tar"
        options = [f"--aptopt={option}" for option in machine.apt_proxy_options()]
        included = f"--include={','.join(ROOT_PACKAGES)}"
        unpack = [
            "mmdebstrap",
            "--variant=minbase",
            "--mode=root",
            included,
            *options,
            release,
            archive,
        ]
        run([*unpack, "-"], text_input=machine.debian_sources(release), timeout_seconds=3600)
        podman("import", "--change", f"LABEL {DIGEST_LABEL}={wanted}", archive, tag)
    return tag
