"""Faces in what a camera sees, never behind it: python live_camera.py face.edge FRAMES...

Files of pictures stand in for the camera here: one each 10 ms, more than a small board can look at.
"""

import sys
import time

import edgeai

bundle, *frames = sys.argv[1:]
with edgeai.load(bundle) as session, session.stream(overrun="latest", queue=1) as stream:
    for frame in frames:
        seen = stream.push(frame, timestamp_s=time.monotonic())  # does not wait; an older frame is dropped
        for result in seen:
            print(f"{result.start_s:.3f} s: {len(result.value)} faces")
        time.sleep(0.01)
    for result in stream.finish():
        print(f"{result.start_s:.3f} s: {len(result.value)} faces")
    print(f"{stream.dropped} of {stream.counts.pushed} frames dropped", file=sys.stderr)
