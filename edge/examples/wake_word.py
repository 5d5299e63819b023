"""Waits for the wake word: arecord -t raw -f S16_LE -r 16000 -c 1 | python wake_word.py okay-nabu.edge"""

import sys

import numpy as np

import edgeai

CHUNK_BYTES = 320  # 10 ms: 160 samples of 16 bits

with edgeai.load(sys.argv[1]) as session, session.stream() as stream:
    while len(chunk := sys.stdin.buffer.read(CHUNK_BYTES)) == CHUNK_BYTES:
        for result in stream.push(np.frombuffer(chunk, "<i2")):
            print(f"{result.end_s:.2f} s: {result.value.name}", flush=True)
