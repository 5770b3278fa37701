"""Run the command line as `python -m snapstore`."""

from snapstore.cli.main import main

if __name__ == "__main__":
    main()
