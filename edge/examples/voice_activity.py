"""When somebody speaks in a recording: python voice_activity.py silero-vad.edge recording.wav"""

import sys

import edgeai

bundle, recording = sys.argv[1:]
with edgeai.load(bundle) as session:
    for event in session.predict(recording).value:
        print(f"{event.start_s:.2f} s to {event.end_s:.2f} s: {event.name}, {event.score:.0%}")
