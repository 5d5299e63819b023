"""Two microphones on one model: python two_streams.py silero-vad.edge hall.wav kitchen.wav"""

import sys
from concurrent.futures import ThreadPoolExecutor

import edgeai
from edgeai.sources.sound import open_sound


def listen(recording):
    """In a thread of its own, with a stream that has a state of its own."""
    with open_sound(recording, chunk_s=0.032) as sound, session.stream(rate=sound.rate_hz) as stream:
        results = [result for chunk in sound for result in stream.push(chunk)] + stream.finish()
    return [f"{recording}: somebody speaks at {result.start_s:.2f} s" for result in results]


with edgeai.load(sys.argv[1]) as session, ThreadPoolExecutor() as threads:
    for lines in threads.map(listen, sys.argv[2:]):
        print(*lines, sep="\n")
