"""Hosts on one machine: network namespaces joined by a bridge, which only root can make."""

import os
import shutil
import subprocess
from dataclasses import dataclass

NUMBERS = 250
# The last parts of the hosts' addresses.
PLACES = range(2, 20)
CANNOT = "Network namespaces need root on Linux, and iproute2."


def can_make_hosts() -> bool:
    """Whether this process may make namespaces, and has the programs for it."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace with one address on the network."""

    name: str
    namespace: str
    address: str

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs there."""
        return ["ip", "netns", "exec", self.namespace, *arguments]

    def cut_off(self) -> None:
        """Pull the cable: nothing comes or goes, and nobody is told."""
        _ip("-n", self.namespace, "link", "set", "eth0", "down")

    def reconnect(self) -> None:
        """Put the cable back."""
        _ip("-n", self.namespace, "link", "set", "eth0", "up")

    def silence_towards(self, other: "Host | str") -> None:
        """A one-way cut: what it sends to `other` vanishes; what that one sends arrives."""
        address = other if isinstance(other, str) else other.address
        _ip("-n", self.namespace, "route", "replace", "blackhole", f"{address}/32")

    def speak_towards(self, other: "Host | str") -> None:
        """End of the one-way cut."""
        address = other if isinstance(other, str) else other.address
        _ip("-n", self.namespace, "route", "del", "blackhole", f"{address}/32")


class Network:
    """A bridge with hosts on it; this process is at `address`. All go with `remove`."""

    def __init__(self) -> None:
        number = 1 + os.getpid() % NUMBERS  # tells networks that exist at the same time apart
        self._bridge, self._net = f"smbr{number}", f"10.231.{number}"
        self.address = f"{self._net}.1"
        self._number = number
        self.hosts: list[Host] = []
        self.remove()
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def add(self, name: str) -> Host:
        """Another host."""
        place = len(self.hosts) + 2
        namespace, outer = f"sm{self._number}-{name}", f"smv{self._number}x{place}"
        host = Host(name, namespace, f"{self._net}.{place}")
        _ip("netns", "add", namespace)
        self.hosts.append(host)
        _ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("link", "set", outer, "master", self._bridge, "up")
        _ip("-n", namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "lo", "up")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        return host

    @property
    def spare_address(self) -> str:
        """An address that no host has of its own, for `take_over`."""
        return f"{self._net}.250"

    def take_over(self, address: str, host: Host) -> None:
        """Give `host` an address as well, and have the others forget who had it before."""
        _ip("-n", host.namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("neigh", "flush", "to", address)
        for other in self.hosts:
            _ip("-n", other.namespace, "neigh", "flush", "to", address)

    def remove(self) -> None:
        """Take down what there is of it, also of an earlier run that was killed."""
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        for line in listed.splitlines():
            name = line.partition(" ")[0]
            if name.startswith(f"sm{self._number}-"):
                subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        for link in (self._bridge, *(f"smv{self._number}x{place}" for place in PLACES)):
            subprocess.run(["ip", "link", "del", link], check=False, capture_output=True)
        self.hosts.clear()
