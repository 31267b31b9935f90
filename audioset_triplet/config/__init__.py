"""What programs can be told: frozen dataclasses, one module per family of programs.

Their fields are the single source of the command-line flags (`audioset_triplet.command_line`), of `config.json` in a
run directory and of the presets. A field name is a flag, so that it means the same in all configs.
"""
