"""A tf.data service: machines that make the batches of a run on another machine.

  python -m experiments.serve_data --role=dispatcher --port=5050
  python -m experiments.serve_data --role=worker --dispatcher=HOST:5050
  python -m experiments.train_triplet --data='records/*.tfrecord' --workdir=run --data_service=grpc://HOST:5050

One dispatcher and any number of workers, which may come and go during a run. Workers read the files of --data by the
names that the run gives, each file by one worker: there should be more files than workers. A damaged record ends the
run instead of being skipped. SIGTERM ends either program.
"""

import os
import signal
import socket
import sys
import threading

from absl import flags

from audioset_triplet import command_line
from audioset_triplet.errors import UserError

FLAGS = flags.FLAGS
flags.DEFINE_enum("role", "", ["", "dispatcher", "worker"], "Dispatcher or worker.")
flags.DEFINE_string("dispatcher", "", "HOST:PORT of the dispatcher, for a worker.")
flags.DEFINE_integer("port", 0, "Port to listen at; 0: any that is free, which is printed.", 0, 65535)
flags.DEFINE_string("host", "", "Name under which other machines reach this one; empty: its host name.")
flags.DEFINE_string("state", "", "Folder for the state of a dispatcher, so that it can be restarted.")


def main() -> None:
    command_line.require_flags("role")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    import tensorflow as tf

    from audioset_triplet.media import decoding
    from audioset_triplet.records import parsing

    if decoding.DECODES_ANYWHERE:  # tensorflow-io makes its operations known to a process when they are first used
        tf.function(parsing.parse_clip).get_concrete_function(tf.TensorSpec([], tf.string))
    host = FLAGS.host or socket.gethostname()
    service = tf.data.experimental.service
    if FLAGS.role == "dispatcher":
        if FLAGS.state:
            os.makedirs(FLAGS.state, exist_ok=True)
        config = service.DispatcherConfig(
            port=_free_port(), work_dir=FLAGS.state or None, fault_tolerant_mode=bool(FLAGS.state)
        )
        server = service.DispatchServer(config)
        port = int(server.target.rpartition(":")[2])
        print(f"dispatcher: --data_service=grpc://{host}:{port}", file=sys.stderr, flush=True)
    else:
        command_line.require_flags("dispatcher")
        _require_dispatcher(FLAGS.dispatcher)
        port = _free_port()
        server = service.WorkerServer(
            service.WorkerConfig(FLAGS.dispatcher, worker_address=f"{host}:{port}", port=port)
        )
        print(f"worker: {host}:{port}, of the dispatcher at {FLAGS.dispatcher}", file=sys.stderr, flush=True)
    stop.wait()
    del server  # closes it


def _free_port() -> int:
    """--port, or one that is free: a worker has to know its own before it starts."""
    with socket.socket() as probe:
        try:
            probe.bind(("", FLAGS.port))
        except OSError as error:
            raise UserError(f"--port={FLAGS.port}: {error.strerror}.") from error
        return probe.getsockname()[1]


def _require_dispatcher(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(f"--dispatcher={address}: no dispatcher answers at HOST:PORT ({error}).") from error


if __name__ == "__main__":
    command_line.run(main, writes="state")
