"""Where long work runs: processes of this machine, or a cluster."""

import dataclasses

from audioset_triplet.config.options import Config, option

DIRECT = "direct"


@dataclasses.dataclass(frozen=True)
class RunnerConfig(Config):
    """Where the shards of a job are done; it does not change them."""

    runner: str = option(
        DIRECT,
        "direct: processes on this machine. Or a runner of Apache Beam: dataflow, flink, spark, dask, ...; its own "
        "options follow after --, for example -- --dask_client_address=tcp://HOST:8786.",
    )
    num_workers: int = option(
        0, "Processes of the direct runner; 0: one per core, or one per GPU where the work uses GPUs.", at_least=0
    )
