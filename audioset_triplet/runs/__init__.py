"""The run directory, WORKDIR, which this package alone reads and writes.

config.json      the objective and its settings                            run_config
data.json        what the run learns from                                  manifest
classes.json     what the outputs of a classifier mean                     classes
run.json         by what: versions, devices, command line                  run_record
metrics.jsonl    the means of every --log_every_steps steps                metrics_log
checkpoints/     weights of submodels and optimizer                        checkpoints, trained_networks
tensorboard/     the metrics again
"""
