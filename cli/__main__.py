"""`python -m dgf.cli`, for launchers that start modules: `accelerate launch -m dgf.cli train ...`."""

from dgf.cli.main import main

if __name__ == "__main__":
    main()
