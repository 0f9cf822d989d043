"""`python -m ui` is the `atlas` command."""

from ui.cli import main

if __name__ == "__main__":
    main()
