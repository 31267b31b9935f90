"""Runs damaged inputs through the programs and prints what became of them.

    python -m tests.fuzz --first=0 --count=1000
    python -m tests.fuzz --first=4711 --count=1 --keep=FOLDER      # writes the input of one seed into a folder too

Exit code 1 if a program ended with a traceback, another exit code than 0 or 1, without one line that says why, hung,
left a half-written file, or stored something else than it said.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is first imported

from audioset_triplet.progress_bars import progress_bar
from tests.fuzz import campaign, families  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1000, help="the number of seeds, and so of inputs")
    parser.add_argument("--processes", type=int, default=2, help="programs that run at a time")
    parser.add_argument("--only", nargs="*", default=[], help="families to run")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the inputs themselves, which are not run")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.count)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as root:
            made = families.make(pathlib.Path(root))
            for seed in seeds:
                print(campaign.write_input(seed, made[campaign.family_of(seed, list(made))], arguments.keep))
        return 0

    started = time.monotonic()
    with progress_bar(unit="inputs", total=len(seeds)) as bar:
        totals = campaign.run(seeds, arguments.processes, arguments.only, bar.update)
    for name, total in sorted(totals.items()):
        print(f"{name:16} {total.num_used:6} used {total.num_refused:6} refused {len(total.faults):4} faults")
    faults = [fault for total in totals.values() for fault in total.faults]
    for seeds_at_fault, text in faults:
        print(f"seed {', '.join(map(str, seeds_at_fault))}: {text}")
    print(f"seeds {seeds[0]} to {seeds[-1]}: {len(faults)} faults in {time.monotonic() - started:.0f} s")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
