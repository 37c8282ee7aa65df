"""`python -m vibrator` is the command line."""

from vibrator.cli import main

if __name__ == "__main__":
    main()
