"""Starts the command line: `python -m realtime`."""

from realtime.cli.main import main

if __name__ == "__main__":
    main(prog_name="python -m realtime")
