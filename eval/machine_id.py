"""Print the id of this machine in an INI file's address file: machine_id.py FILE.ini"""

import socket
import sys

from decentralizepy.config import ini
from decentralizepy.errors import DecentralizepyError
from decentralizepy.mappings.addresses import host_of, read_addresses


def main(path: str) -> int:
    """Return the id of the first machine whose address can be bound here; otherwise 0."""
    addresses_path = ini.read(path)["COMMUNICATION"].get("addresses_filepath")
    if not addresses_path:  # a transport within one machine
        return 0
    addresses = read_addresses(str(addresses_path))
    for machine in sorted(addresses, key=int):
        with socket.socket() as probe:
            try:
                probe.bind((host_of(addresses, int(machine), str(addresses_path)), 0))
            except OSError:
                continue
            return int(machine)
    return 0


if __name__ == "__main__":
    try:
        print(main(sys.argv[1]))
    except (DecentralizepyError, KeyError, ValueError):
        print(0)  # the launcher reports what is wrong with the files
