"""Which digit pictures show, white on black, by a model that comes with edgeai: python digit.py PICTURE..."""

import sys

import edgeai

with edgeai.load("digits") as session:
    for picture in sys.argv[1:]:
        best = session.predict(picture).value.top[0]
        print(f"{picture}: {best.name}, {best.score:.0%}")
