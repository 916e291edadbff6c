"""Creates Twilio numbers for all restaurants without one; the server at TRUNKLINE_URL does the work."""

from trunkline.cli.twilio_scripts import create, run

if __name__ == "__main__":
    run(create)
