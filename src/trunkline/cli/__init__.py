"""The command line: `trunkline`."""


def main() -> None:
    from trunkline.cli.app import run

    run()
