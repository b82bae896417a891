"""Make `python -m karl` the command `karl`."""

from karl.cli.app import main

if __name__ == "__main__":
    main()
