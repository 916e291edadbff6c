"""Deletes Twilio numbers from Vapi; the server at TRUNKLINE_URL does the work."""

from trunkline.cli.twilio_scripts import delete, run

if __name__ == "__main__":
    run(delete)
